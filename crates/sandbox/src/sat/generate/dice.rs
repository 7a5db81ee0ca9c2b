//! Numbers out of a seed: the same on every machine and in every release.
//!
//! SplitMix64 (Steele, Lea, Flood 2014), chosen because its few lines will never change under us as
//! a library's generator may. Good enough to vary test data, useless as a secret.

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of numbers for one document and one purpose.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The stream of a document; each `lane` of a document is independent of the others, so that a
    /// new kind of detail does not move all that was there before.
    pub fn of(seed: u64, document: u64, lane: u64) -> Self {
        let mut dice = Self(seed ^ document.wrapping_mul(STEP).rotate_left(17) ^ lane.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        dice.next();
        dice
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `end`; the bias of the remainder does not matter here.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A number from `first` to `last`, both included.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        first + self.below((last - first + 1).max(1) as u64) as i64
    }

    /// True in `percent` of a hundred throws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n.div_ceil(8)).flat_map(|_| self.next().to_be_bytes()).take(n).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    /// A corpus that a user generated last year must be the same this year.
    #[test]
    fn the_stream_never_changes() {
        let mut dice = Dice::of(7, 3, 1);
        assert_eq!([dice.next(), dice.next()], [3_992_555_639_010_862_847, 13_979_669_624_897_553_304]);
        assert_eq!(Dice::of(7, 3, 1).bytes(11).len(), 11);
        assert_ne!(Dice::of(7, 3, 1).next(), Dice::of(7, 3, 2).next());
        fedatario_testkit::covers!("sandbox: the generator is a function of its seed");
    }
}
