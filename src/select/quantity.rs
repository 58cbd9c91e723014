//! Durations as people write them.

use std::time::Duration;

/// Far above any use, and small enough that no clock overflows when it is added.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A duration of at most 365 days as humantime writes them; a number alone, or before `s`, is seconds and may have a fraction.
pub fn duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s').unwrap_or(text);
    let seconds = number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let duration = if seconds {
        Duration::try_from_secs_f64(number.parse().ok()?).ok()?
    } else {
        humantime::parse_duration(text).ok()?
    };
    (duration <= LONGEST).then_some(duration)
}
