//! Open files: connections must leave enough of them for the database, the
//! index and plugins.

/// Descriptors that are not for connections.
const RESERVED: u64 = 200;

/// The number of connections that the system allows, after the limit of this
/// process was raised as far as it may be.
#[cfg(unix)]
pub(super) fn allowed_connections(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let allowed = within(wanted, current);
    if allowed < wanted {
        tracing::warn!(wanted, allowed, "the limit of open files (ulimit -n) allows fewer connections");
    }
    allowed
}

#[cfg(not(unix))]
pub(super) fn allowed_connections(wanted: usize) -> usize {
    wanted
}

/// Without a limit there is nothing to keep within. Under a small one, half of it.
fn within(wanted: usize, descriptors: Option<u64>) -> usize {
    let Some(descriptors) = descriptors else { return wanted };
    let free = descriptors.saturating_sub(RESERVED).max(descriptors / 2).max(1);
    wanted.min(usize::try_from(free).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(within(1000, Some(1024)), 824);
        assert_eq!(within(1000, Some(65_536)), 1000);
        assert_eq!(within(1000, Some(256)), 128);
        assert_eq!(within(1000, None), 1000);
    }
}
