//! Synthetic durations: the shapes that tell schedulers apart.

/// How the durations of a suite are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// All the same.
    Uniform,
    /// Many short, few long, as real suites are.
    LogNormal,
    /// One in fifty is a hundred times as long, anywhere.
    SlowAnywhere,
    /// The same, the long ones at the end.
    SlowAtEnd,
    /// The same, the long ones at the start.
    SlowAtStart,
    /// One test takes longer than all others, and is the last.
    OneLast,
}

/// All shapes.
pub(crate) const SHAPES: [Shape; 6] = [
    Shape::Uniform,
    Shape::LogNormal,
    Shape::SlowAnywhere,
    Shape::SlowAtEnd,
    Shape::SlowAtStart,
    Shape::OneLast,
];

const SHORT: f64 = 0.05;
const LONG: f64 = 5.0;
const LONGEST: f64 = 60.0;

/// The spread of the logarithms: the longest of a thousand takes about a hundred times the median.
const SIGMA: f64 = 1.5;

impl Shape {
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform .05 s",
            Self::LogNormal => "lognormal",
            Self::SlowAnywhere => "2 % 5 s anywhere",
            Self::SlowAtEnd => "2 % 5 s at end",
            Self::SlowAtStart => "2 % 5 s at start",
            Self::OneLast => "one 60 s last",
        }
    }

    /// Durations of so many tests, the same for the same seed.
    pub(crate) fn seconds(self, tests: usize, seed: u64) -> Vec<f64> {
        let mut random = Random(seed);
        let mut seconds = vec![SHORT; tests];
        let long = tests / 50;
        match self {
            Self::Uniform => {}
            Self::LogNormal => seconds.fill_with(|| SHORT * (SIGMA * random.normal()).exp()),
            Self::SlowAnywhere => {
                let mut places: Vec<usize> = (0..tests).collect();
                for turn in 0..long {
                    places.swap(turn, turn + random.below(tests - turn));
                    seconds[places[turn]] = LONG;
                }
            }
            Self::SlowAtEnd => seconds[tests - long..].fill(LONG),
            Self::SlowAtStart => seconds[..long].fill(LONG),
            Self::OneLast => seconds[tests - 1..].fill(LONGEST),
        }
        seconds
    }
}

/// `SplitMix64`, which is short and the same everywhere and for ever.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Above 0 and up to 1.
    fn unit(&mut self) -> f64 {
        let [a, b, c, d, ..] = self.next().to_be_bytes();
        (f64::from(u32::from_be_bytes([a, b, c, d])) + 1.0) / (f64::from(u32::MAX) + 1.0)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.next() % limit).unwrap_or_default()
    }

    /// Box and Muller's.
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}
