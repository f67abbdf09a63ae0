//! How long to wait between two tries (PLUGINS §6).

use std::time::Duration;

use rand::Rng;

/// So often something is tried before it is a dead letter.
pub const TRIES: u32 = 8;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// The longest pause that a carrier gets when it asks for one.
const LONGEST_WISHED: Duration = Duration::from_secs(24 * 3600);

/// The pause after a failed try, the first try being 1: 5 s, then four times
/// longer each time, with up to a fifth of jitter, at most 6 h.
#[must_use]
pub fn pause_after(attempt: u32) -> Duration {
    let plain = FIRST.saturating_mul(4_u32.saturating_pow(attempt.saturating_sub(1)));
    plain.mul_f64(rand::rng().random_range(1.0..1.2)).min(LONGEST)
}

/// The pause after a failed try for which the carrier may have named one. Its
/// own wins, between our first pause and a day: it knows when its provider
/// takes messages again.
pub(super) fn pause_with(wished: Option<Duration>, attempt: u32) -> Duration {
    wished.map_or_else(|| pause_after(attempt), |wished| wished.clamp(FIRST, LONGEST_WISHED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wished_pause_is_kept_between_five_seconds_and_a_day() {
        for (wished, given) in [(0, 5), (5, 5), (90, 90), (86_400, 86_400), (86_401, 86_400), (u64::MAX, 86_400)] {
            let pause = pause_with(Some(Duration::from_secs(wished)), 7);
            assert_eq!(pause, Duration::from_secs(given), "{wished}");
        }
        assert!(pause_with(None, 7) >= Duration::from_secs(20_480));
    }

    #[test]
    fn pauses_grow_from_five_seconds_to_six_hours() {
        for (attempt, least, most) in [(1, 5, 6), (2, 20, 24), (6, 5120, 6144), (7, 20480, 21600), (40, 21600, 21600)] {
            let pause = pause_after(attempt);
            let range = Duration::from_secs(least)..=Duration::from_secs(most);
            assert!(range.contains(&pause), "{attempt}: {pause:?}");
        }
    }
}
