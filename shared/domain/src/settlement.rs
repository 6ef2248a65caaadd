//! Settlement: when a business day closes, which entries belong to it, and the file that a partner gets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Currency, Day, Failed, Money, OperatorName, PartnerName, PayoutId, Refusal, SettlementId, Timestamp, TransferId,
    access::{Belongings, Owned},
    acknowledgement::Acknowledgement,
    calendar::BusinessDays,
    id::Sha256Hex,
    ledger::{Account, Entry, Posting, Subject, Transfer, TransferKind},
    settlement_format::{FileFormat, SettlementFormat},
};

/// Days that one tick closes at most when ticks were missed: a month.
const MOST_DAYS_PER_TICK: usize = 31;

/// How many days before the latest that has ended the first one to be closed lies at most: every day behind it is closed as
/// well, and a tick can close them all.
const MOST_DAYS_BACK: i64 = 31;

/// Which business days of an operator are closed; each day's entries are those from one cut to the next,
/// so that every entry belongs to one day and to no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// The tenant.
    pub operator: OperatorName,
    /// The last day that was closed.
    pub last_closed: Option<Day>,
    /// Where the next day's entries begin.
    pub last_cut_at: Timestamp,
    /// Counts its changes; 0 before the first.
    pub version: u64,
}

/// A business day about to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The day.
    pub business_day: Day,
    /// Its first moment, inclusive.
    pub opened_at: Timestamp,
    /// Its last moment, exclusive.
    pub cut_at: Timestamp,
    /// The calendar afterwards.
    pub after: Calendar,
}

impl Calendar {
    /// The calendar of an operator that never closed a day.
    #[must_use]
    pub fn new(operator: OperatorName) -> Self {
        Self { operator, last_closed: None, last_cut_at: Timestamp::EPOCH, version: 0 }
    }

    /// The business days that should be closed by now, oldest first: every one since the last whose cut-off has passed.
    #[must_use]
    pub fn due(&self, now: Timestamp, days: &BusinessDays) -> Vec<Day> {
        days.ended(self.last_closed, now, MOST_DAYS_PER_TICK)
    }

    /// Passes when a moment belongs to a business day that is still open: one that begins where the last was cut.
    ///
    /// # Errors
    /// [`Refusal::PeriodClosed`].
    pub fn must_be_open(&self, moment: Timestamp) -> Result<(), Refusal> {
        match self.last_closed {
            Some(last_closed) if moment < self.last_cut_at => Err(Refusal::PeriodClosed {
                last_closed: last_closed.to_string(),
                closed_until: self.last_cut_at.to_string(),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// The earliest day that may be the first to be closed; none once one is.
    fn earliest(&self, now: Timestamp, days: &BusinessDays) -> Option<Day> {
        let latest = days.ended(None, now, 1).first().copied().filter(|_| self.last_closed.is_none())?;
        Some(latest.saturating_sub(jiff::Span::new().days(MOST_DAYS_BACK)))
    }

    /// Closes a business day: at its cut-off, or now if that is earlier.
    ///
    /// # Errors
    /// [`Refusal::NotABusinessDay`] for a day off, [`Refusal::BusinessDayOpen`] for a day that has not come,
    /// [`Refusal::BusinessDayClosed`] for one that is closed, [`Refusal::BusinessDayTooEarly`] for a first one that lies
    /// further back than a month.
    pub fn close(&self, day: Day, now: Timestamp, days: &BusinessDays) -> Result<Slot, Refusal> {
        days.must_be_business_day(day)?;
        let today = days.today(now);
        if day > today {
            return Err(Refusal::BusinessDayOpen { today: today.to_string() });
        }
        if let Some(last_closed) = self.last_closed.filter(|last_closed| day <= *last_closed) {
            return Err(Refusal::BusinessDayClosed { last_closed: last_closed.to_string() });
        }
        if let Some(earliest) = self.earliest(now, days).filter(|earliest| day < *earliest) {
            return Err(Refusal::BusinessDayTooEarly { earliest: earliest.to_string() });
        }
        let cut_at = days.cut(day).map_or(now, |scheduled| scheduled.min(now)).max(self.last_cut_at);
        let after = Self {
            operator: self.operator.clone(),
            last_closed: Some(day),
            last_cut_at: cut_at,
            version: self.version.saturating_add(1),
        };
        Ok(Slot { business_day: day, opened_at: self.last_cut_at, cut_at, after })
    }
}

/// How far a settlement has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettlementStatus {
    /// The day is closed, the file is not there yet.
    Building,
    /// Booked, with its file.
    Settled,
}

/// Control totals of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// Entries.
    pub count: u64,
    /// Cash that came from borrowers.
    pub collected: Money,
    /// Cash that went to borrowers.
    pub disbursed: Money,
    /// What adjustments by hand add to what the operator owes; negative when they take from it.
    pub adjusted: Money,
    /// What the operator owes the partner, collected less disbursed and adjusted; negative when the partner owes.
    pub net: Money,
    /// What of it happened on business days that were closed before; none in files whose format does not tell.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub late: Option<Late>,
}

/// Entries that were posted after the cut of the business day on which they happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Late {
    /// How many.
    pub count: u64,
    /// What the operator owes the partner for them; negative when the partner owes.
    pub net: Money,
}

impl Late {
    /// None yet, in a currency.
    #[must_use]
    pub fn none(currency: Currency) -> Self {
        Self { count: 0, net: Money::zero(currency) }
    }

    /// Counts an entry of a partner's control account, where what is owed is a credit.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the net does not fit, or the currency is another.
    pub fn count(&mut self, entry: &Entry) -> Result<(), Failed> {
        let owed = entry.amount.negated().map_err(Failed::fault)?;
        self.net = self.net.plus(owed).map_err(Failed::fault)?;
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

/// A file that lies in S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredFile {
    /// Its key in the bucket.
    pub key: String,
    /// Digest of its bytes.
    pub sha256: Sha256Hex,
    /// How many they are.
    pub bytes: u64,
    /// A link to it, on answers that give one; never kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub url: Option<String>,
    /// How long the link works, in seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_in: Option<u64>,
}

impl StoredFile {
    /// The file with a link to it.
    #[must_use]
    pub fn linked(self, url: String, expires_in: u64) -> Self {
        Self { url: Some(url), expires_in: Some(expires_in), ..self }
    }
}

/// What is owed between operator and partner for one business day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settlement {
    /// Its id.
    pub settlement_id: SettlementId,
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub business_day: Day,
    /// With whom.
    pub partner_id: PartnerName,
    /// The money it is in.
    pub currency: Currency,
    /// How far it has come.
    pub status: SettlementStatus,
    /// First moment of its entries, inclusive.
    pub opened_at: Timestamp,
    /// Last moment, exclusive.
    pub cut_at: Timestamp,
    /// Control totals.
    pub totals: Option<Totals>,
    /// The transfer that booked it; none when nothing is owed.
    pub transfer_id: Option<TransferId>,
    /// Its file.
    pub file: Option<StoredFile>,
    /// How its file is laid out.
    #[serde(default)]
    pub format: FileFormat,
    /// The latest payout of what the operator owes for it; none when nothing is owed.
    #[serde(default)]
    pub payout_id: Option<PayoutId>,
    /// What the partner said of its file; none before it said anything.
    #[serde(default)]
    pub acknowledgement: Option<Acknowledgement>,
    /// Counts its changes, from 1.
    pub version: u64,
}

impl Slot {
    /// The settlement of this day with a partner, still without entries.
    #[must_use]
    pub fn settlement(&self, partner_id: &PartnerName, currency: Currency, format: FileFormat) -> Settlement {
        Settlement {
            settlement_id: Settlement::id_of(&self.after.operator, partner_id, self.business_day, self.cut_at),
            business_day: self.business_day,
            partner_id: partner_id.clone(),
            currency,
            status: SettlementStatus::Building,
            opened_at: self.opened_at,
            cut_at: self.cut_at,
            totals: None,
            transfer_id: None,
            file: None,
            format,
            payout_id: None,
            acknowledgement: None,
            version: 1,
        }
    }
}

impl Owned for Settlement {
    fn belongings(&self) -> Belongings<'_> {
        Belongings { partner: Some(&self.partner_id), ..Belongings::default() }
    }
}

impl Settlement {
    /// The id of the settlement of a day with a partner: it follows from both and from the day's cut.
    #[must_use]
    pub fn id_of(operator: &OperatorName, partner_id: &PartnerName, day: Day, cut_at: Timestamp) -> SettlementId {
        let day = day.to_string();
        SettlementId::mint(cut_at, &[operator.as_str().as_bytes(), partner_id.as_str().as_bytes(), day.as_bytes()])
    }

    /// Where its file lies, given its format.
    #[must_use]
    pub fn file_key(&self, operator: &OperatorName, format: &SettlementFormat) -> String {
        let name = format.file_name(self.business_day, &self.partner_id, &self.settlement_id);
        format!("settlements/{operator}/{}/{name}", self.partner_id)
    }

    /// The transfer that moves what is owed out of the control account; none when nothing is.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be booked.
    pub fn booking(&self, transfer_id: TransferId, net: Money) -> Result<Option<Transfer>, Failed> {
        if net.amount_minor == 0 {
            return Ok(None);
        }
        let owed = net.negated().map_err(Failed::fault)?;
        let postings = vec![
            Posting { account: Account::PartnerControl(self.partner_id.clone()), amount: net },
            Posting { account: Account::PartnerSettlement(self.partner_id.clone()), amount: owed },
        ];
        let subject = Subject { reference: Some(self.settlement_id.to_string()), ..Subject::default() };
        Transfer::new(transfer_id, TransferKind::Settlement, postings, subject).map(Some).map_err(Failed::fault)
    }

    /// The settlement with its file, and the transfer that moves what is owed out of the control account.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the totals cannot be booked.
    pub fn settle(
        &self,
        transfer_id: TransferId,
        totals: Totals,
        file: StoredFile,
    ) -> Result<(Self, Option<Transfer>), Failed> {
        let transfer = self.booking(transfer_id, totals.net)?;
        let after = Self {
            status: SettlementStatus::Settled,
            totals: Some(totals),
            transfer_id: transfer.as_ref().map(|transfer| transfer.transfer_id().clone()),
            file: Some(file),
            version: self.version.saturating_add(1),
            ..self.clone()
        };
        Ok((after, transfer))
    }
}

/// A business day to be closed by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, garde::Validate)]
#[serde(deny_unknown_fields)]
pub struct NewSettlement {
    /// The day, in the operator's zone.
    #[garde(skip)]
    #[schema(value_type = String, format = Date)]
    pub business_day: Day,
}

/// A closed business day, as it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClosedDay {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub business_day: Day,
    /// First moment of its entries, inclusive.
    pub opened_at: Timestamp,
    /// Last moment, exclusive.
    pub cut_at: Timestamp,
    /// One settlement a partner.
    pub items: Vec<Settlement>,
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::BusinessCalendar;

    fn kolkata() -> BusinessDays {
        of(serde_json::json!({}))
    }

    fn of(calendar: serde_json::Value) -> BusinessDays {
        let calendar: BusinessCalendar = serde_json::from_value(calendar).unwrap();
        BusinessDays::new(calendar, jiff::tz::TimeZone::get("Asia/Kolkata").unwrap())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn calendar() -> Calendar {
        Calendar::new("pennco".parse().unwrap())
    }

    #[test]
    fn a_day_closes_at_half_past_eight_in_the_operators_zone() {
        let evening = at("2026-11-21T15:00:00Z");
        assert_eq!(calendar().due(evening, &kolkata()), [date(2026, 11, 21)], "15:00 UTC is 20:30 in Kolkata");
        let before = at("2026-11-21T14:59:59Z");
        assert_eq!(calendar().due(before, &kolkata()), [date(2026, 11, 20)]);
    }

    #[test]
    fn missed_days_are_closed_each_in_turn_and_no_entry_falls_between_them() {
        let now = at("2026-11-23T16:00:00Z");
        let first = calendar().close(date(2026, 11, 20), now, &kolkata()).unwrap();
        let due = first.after.due(now, &kolkata());
        assert_eq!(due, [date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23)]);
        let mut slot = first;
        for day in due {
            let next = slot.after.close(day, now, &kolkata()).unwrap();
            assert_eq!(next.opened_at, slot.cut_at);
            assert!(next.cut_at > next.opened_at);
            slot = next;
        }
        assert_eq!(slot.after.due(now, &kolkata()), []);
    }

    #[test]
    fn a_day_that_is_closed_by_hand_is_cut_now_and_stays_closed() {
        let noon = at("2026-11-21T06:30:00Z");
        let slot = calendar().close(date(2026, 11, 21), noon, &kolkata()).unwrap();
        assert_eq!(slot.cut_at, noon);
        let again = slot.after.close(date(2026, 11, 21), at("2026-11-21T16:00:00Z"), &kolkata());
        assert_eq!(again, Err(Refusal::BusinessDayClosed { last_closed: "2026-11-21".into() }));
        let tomorrow = slot.after.close(date(2026, 11, 22), noon, &kolkata());
        assert_eq!(tomorrow, Err(Refusal::BusinessDayOpen { today: "2026-11-21".into() }));
    }

    #[test]
    fn the_first_day_that_is_closed_lies_a_month_back_at_most() {
        let now = at("2026-11-21T06:30:00Z");
        for day in [date(2006, 11, 21), date(2026, 10, 19)] {
            let refused = calendar().close(day, now, &kolkata());
            assert_eq!(refused, Err(Refusal::BusinessDayTooEarly { earliest: "2026-10-20".into() }));
        }
        let first = calendar().close(date(2026, 10, 20), now, &kolkata()).unwrap();
        assert_eq!(first.after.due(now, &kolkata()).last(), Some(&date(2026, 11, 20)), "one tick closes the rest");
        let later = at("2027-06-01T06:30:00Z");
        assert!(
            first.after.close(date(2026, 10, 21), later, &kolkata()).is_ok(),
            "days that follow are as old as they are"
        );
    }

    #[test]
    fn days_off_are_closed_with_the_business_day_behind_them_and_never_by_name() {
        let days = of(serde_json::json!({
            "days_off": ["sunday"], "holidays": [{ "day": "2026-11-24", "name": "Guru Nanak Jayanti" }]
        }));
        let first = calendar().close(date(2026, 11, 20), at("2026-11-20T15:00:00Z"), &days).unwrap();
        assert_eq!(first.after.due(at("2026-11-22T16:00:00Z"), &days), [date(2026, 11, 21)], "not the Sunday");
        let due = first.after.due(at("2026-11-25T15:00:00Z"), &days);
        assert_eq!(due, [date(2026, 11, 21), date(2026, 11, 23), date(2026, 11, 25)]);
        let holiday = date(2026, 11, 24);
        for now in ["2026-11-23T06:00:00Z", "2026-11-24T06:00:00Z", "2026-11-30T06:00:00Z"] {
            let refused = first.after.close(holiday, at(now), &days).unwrap_err();
            assert_eq!(refused.code(), "not_a_business_day", "before, on and after it");
        }
        let mut slot = first;
        for day in due {
            let next = slot.after.close(day, at("2026-11-25T15:00:00Z"), &days).unwrap();
            assert_eq!((next.opened_at, Some(next.cut_at)), (slot.cut_at, days.cut(day)));
            slot = next;
        }
        assert_eq!(slot.opened_at.to_string(), "2026-11-23T15:00:00.000Z", "Wednesday has the holiday's entries");
    }

    proptest! {
        /// Whatever is closed by tick or by hand, at whatever time: cuts follow each other without gap or overlap.
        #[test]
        fn cuts_never_overlap_nor_leave_gaps(
            steps in prop::collection::vec((1_i64..60 * 3600, any::<bool>(), -3_i64..3), 1..60),
            off in prop::collection::btree_set(0_usize..6, 0..6), hour in 0_u8..24,
        ) {
            let week = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
            let off: Vec<_> = off.into_iter().map(|index| week[index]).collect();
            let days = of(serde_json::json!({ "cut_off": format!("{hour:02}:15"), "days_off": off }));
            let (mut calendar, mut now) = (calendar(), at("2026-11-21T00:00:00Z"));
            let mut slots: Vec<Slot> = vec![];
            for (seconds, is_tick, shift) in steps {
                now = now.plus_seconds(seconds);
                let due = if is_tick {
                    calendar.due(now, &days)
                } else {
                    vec![days.today(now).saturating_add(jiff::Span::new().days(shift))]
                };
                for day in due {
                    let closed = calendar.close(day, now, &days);
                    prop_assert!(closed.is_ok() || !is_tick, "what is due can be closed: {closed:?}");
                    if let Ok(slot) = closed {
                        calendar = slot.after.clone();
                        slots.push(slot);
                    }
                }
            }
            prop_assert!(slots.first().is_none_or(|slot| slot.opened_at == Timestamp::EPOCH));
            for pair in slots.windows(2) {
                prop_assert_eq!(pair[0].cut_at, pair[1].opened_at);
                prop_assert!(pair[0].business_day < pair[1].business_day);
                prop_assert!(pair[1].opened_at <= pair[1].cut_at);
            }
            for slot in &slots {
                prop_assert!(days.is_business_day(slot.business_day));
                prop_assert!(Some(slot.cut_at) <= days.cut(slot.business_day), "none is cut behind its own cut-off");
            }
        }
    }

    #[test]
    fn a_settlement_from_before_there_were_formats_has_the_layout_of_then() {
        let slot = calendar().close(date(2026, 11, 21), at("2026-11-21T06:30:00Z"), &kolkata()).unwrap();
        let newest = FileFormat { name: "pipe".into(), version: 3 };
        let settlement = slot.settlement(&"bfil".parse().unwrap(), Currency::Inr, newest.clone());
        let mut kept = serde_json::to_value(&settlement).unwrap();
        let read = |kept: &serde_json::Value| serde_json::from_value::<Settlement>(kept.clone()).unwrap().format;
        assert_eq!(read(&kept), newest);
        kept.as_object_mut().unwrap().remove("format");
        assert_eq!(read(&kept), FileFormat { name: "milepost".into(), version: 1 });
    }

    #[test]
    fn what_is_owed_leaves_the_control_account_and_nothing_moves_when_nothing_is() {
        let slot = calendar().close(date(2026, 11, 21), at("2026-11-21T06:30:00Z"), &kolkata()).unwrap();
        let settlement = slot.settlement(&"bfil".parse().unwrap(), Currency::Inr, FileFormat::default());
        let inr = |minor| Money::new(minor, Currency::Inr);
        let file = StoredFile { key: "k".into(), sha256: Sha256Hex::of(b""), bytes: 0, url: None, expires_in: None };
        let id = || TransferId::mint(Timestamp::EPOCH, &[b"s"]);
        let totals =
            Totals { count: 1, collected: inr(10), disbursed: inr(30), adjusted: inr(0), net: inr(-20), late: None };
        let (after, transfer) = settlement.settle(id(), totals, file.clone()).unwrap();
        let sides: Vec<_> =
            transfer.unwrap().postings().iter().map(|side| (side.account.kind(), side.amount.amount_minor)).collect();
        assert_eq!(sides, [("partner_control", -20), ("partner_settlement", 20)]);
        assert_eq!(after.status, SettlementStatus::Settled);
        let nothing =
            Totals { count: 0, collected: inr(0), disbursed: inr(0), adjusted: inr(0), net: inr(0), late: None };
        assert_eq!(settlement.settle(id(), nothing, file).unwrap().1, None);
    }
}
