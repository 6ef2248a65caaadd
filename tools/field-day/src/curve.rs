//! How busy the field is through a working day: quiet at eight, a long peak 10 to 14, a second 16 to 19.

use jiff::civil::Weekday;

use crate::{clock::Clockwork, dice::Dice};

/// Weights of the half hours from 08:00 to 20:00 on an ordinary working day.
const WORKING_DAY: [u64; 24] = [1, 2, 3, 5, 9, 10, 10, 10, 9, 9, 9, 8, 4, 3, 3, 4, 8, 9, 9, 9, 8, 7, 3, 1];

/// The density of one day.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    halves: Vec<(u64, u32)>,
}

impl Curve {
    /// The curve of that day of the week: the week opens with a taller morning, Saturday's second peak is half as high,
    /// on Sunday only the morning is worked.
    pub(crate) fn of(weekday: Weekday) -> Self {
        let halves = WORKING_DAY
            .iter()
            .zip((Clockwork::OPEN..).step_by(30))
            .map(|(weight, minute)| {
                let morning = minute < 14 * 60;
                let scaled = match weekday {
                    Weekday::Monday if morning => weight * 6,
                    Weekday::Saturday if !morning => weight * 2,
                    Weekday::Sunday if !morning => 0,
                    Weekday::Monday
                    | Weekday::Tuesday
                    | Weekday::Wednesday
                    | Weekday::Thursday
                    | Weekday::Friday
                    | Weekday::Saturday
                    | Weekday::Sunday => weight * 4,
                };
                (scaled, minute)
            })
            .collect();
        Self { halves }
    }

    /// A minute of the day, as likely as the curve is high there.
    pub(crate) fn minute(&self, dice: &mut Dice) -> u32 {
        let half = dice.weighted(&self.halves).unwrap_or(Clockwork::OPEN);
        half.saturating_add(u32::try_from(dice.below(30)).unwrap_or_default())
    }

    /// Weight and first minute of each half hour.
    pub(crate) fn halves(&self) -> &[(u64, u32)] {
        &self.halves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_the_work_falls_into_the_two_peaks() {
        let curve = Curve::of(Weekday::Wednesday);
        let mut dice = Dice::new(1, 9);
        let minutes: Vec<u32> = (0..2_000).map(|_| curve.minute(&mut dice)).collect();
        let peak = |minute: &&u32| (600..840).contains(*minute) || (960..1_140).contains(*minute);
        assert!(minutes.iter().all(|minute| (Clockwork::OPEN..Clockwork::SHUT).contains(minute)));
        assert!(minutes.iter().filter(peak).count() > 1_500);
    }

    #[test]
    fn sunday_afternoon_is_free() {
        let mut dice = Dice::new(1, 9);
        let curve = Curve::of(Weekday::Sunday);
        assert!((0..500).all(|_| curve.minute(&mut dice) < 14 * 60));
    }
}
