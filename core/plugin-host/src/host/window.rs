//! How often something may happen in a stretch of time.

use std::time::Duration;

use lyceum_kernel::Timestamp;

/// What happened in the stretch that is under way. It begins with the first of them.
#[derive(Debug, Default)]
pub(crate) struct Window(Option<(Timestamp, u32)>);

impl Window {
    /// Counts one more; whether it still fits. A clock that was set back begins anew.
    pub fn has_room(&mut self, now: Timestamp, length: Duration, most: u32) -> bool {
        let under_way = self.0.filter(|(since, _)| *since <= now && now < since.plus(length));
        let (since, count) = under_way.unwrap_or((now, 0));
        self.0 = Some((since, count.saturating_add(1)));
        count < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_has_room_again_when_it_is_over() {
        let mut window = Window::default();
        let mut at = |millis| window.has_room(Timestamp::from_millis(millis), Duration::from_secs(1), 2);
        assert_eq!([5_000, 5_998, 5_999].map(&mut at), [true, true, false]);
        assert_eq!([6_000, 6_999, 6_999].map(&mut at), [true, true, false]);
        assert_eq!([1_000, 1_000, 1_000].map(&mut at), [true, true, false], "the clock was set back");
    }
}
