//! Numbers that look thrown and are the same on every run.

/// A linear congruential generator with the multiplier and the increment of Knuth's MMIX.
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice that begin here.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below another one.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The lower bits of such a generator repeat soon.
        (self.0 >> 33) % most
    }

    /// The same things in another order.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for left in (1..things.len()).rev() {
            let chosen = usize::try_from(self.below(left as u64 + 1)).unwrap();
            things.swap(left, chosen);
        }
    }
}
