//! `[limits]` of a manifest: less than the world has, or more.
//!
//! Less holds at once. More is a permission like any other: it stands in what
//! the plugin asks for, under `limits`, and holds once the owner grants it.
//!
//! **Invariant:** nothing raises a limit beyond the ceilings here.

use std::{collections::BTreeMap, time::Duration};

use crate::limits::{Limits, World};

/// Most memory of one instance, in bytes.
pub const MEMORY_CEILING: u64 = 256 << 20;
/// Largest component that an owner can allow, in bytes.
pub const COMPONENT_CEILING: u64 = 32 << 20;
/// Times the world's own limit: CPU time, wall time, HTTP requests.
pub const TIMES: u32 = 10;

/// What a manifest wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Bytes over all memories.
    pub memory: Option<u64>,
    pub cpu_ms: Option<u64>,
    pub wall_ms: Option<u64>,
    /// HTTP requests of one call.
    pub http_calls: Option<u64>,
    /// Bytes of the component file.
    pub component: Option<u64>,
    /// Why it needs more.
    pub reason: String,
}

/// What was granted beyond the world's limits, by name.
pub(crate) type Raised = BTreeMap<String, u64>;

impl Wishes {
    /// What exceeds the limits of all worlds that the plugin has, and the
    /// largest component without a grant.
    ///
    /// # Errors
    /// A wish beyond the ceiling.
    pub fn exceeding(&self, worlds: &[Limits], component_bytes: usize) -> Result<Raised, String> {
        let most = |of: fn(&Limits) -> u64| worlds.iter().map(of).max().unwrap_or_default();
        let times = u64::from(TIMES);
        let (memory, cpu, wall, http) = (most(memory), most(cpu_ms), most(wall_ms), most(http_calls));
        let component = component_bytes as u64;
        let mut raised = Raised::new();
        for (name, wish, has, ceiling) in [
            ("memory", self.memory, memory, MEMORY_CEILING.max(memory)),
            ("cpu_ms", self.cpu_ms, cpu, cpu * times),
            ("wall_ms", self.wall_ms, wall, wall * times),
            ("http_calls", self.http_calls, http, http * times),
            ("component", self.component, component, COMPONENT_CEILING.max(component)),
        ] {
            match wish {
                Some(wish) if wish > ceiling => {
                    return Err(format!(
                        "its `limits.{name}` asks for {wish}; its worlds have {has}, and no grant gives more than {ceiling}: ask for less"
                    ));
                }
                Some(wish) if wish > has => {
                    raised.insert(name.to_owned(), wish);
                }
                _ => {}
            }
        }
        Ok(raised)
    }

    /// The limits of one world for this plugin: lowered as it says, raised as
    /// the owner granted. Health and configuration calls keep their times when
    /// the plugin lowers those of its own world.
    pub fn applied(&self, world: World, limits: Limits, granted: &Raised) -> Limits {
        let keeps = world == World::Lifecycle;
        let fit = |name: &str, wish: Option<u64>, has: u64, ceiling: u64, keeps: bool| {
            let allowed = granted.get(name).map_or(has, |most| has.max((*most).min(ceiling)));
            let wanted = wish.unwrap_or(has).min(allowed);
            if keeps { wanted.max(has) } else { wanted }
        };
        let times = |has: u64| has * u64::from(TIMES);
        let (cpu, wall, http) = (cpu_ms(&limits), wall_ms(&limits), http_calls(&limits));
        Limits {
            memory: fit("memory", self.memory, memory(&limits), MEMORY_CEILING, false) as usize,
            cpu_ticks: u32::try_from(fit("cpu_ms", self.cpu_ms, cpu, times(cpu), keeps)).unwrap_or(u32::MAX),
            wall: match fit("wall_ms", self.wall_ms, wall, times(wall), keeps) {
                same if same == wall => limits.wall,
                other => Duration::from_millis(other),
            },
            http_calls: u32::try_from(fit("http_calls", self.http_calls, http, times(http), keeps)).unwrap_or(u32::MAX),
            ..limits
        }
    }
}

fn memory(limits: &Limits) -> u64 {
    limits.memory as u64
}

fn cpu_ms(limits: &Limits) -> u64 {
    limits.cpu_ticks.into()
}

fn wall_ms(limits: &Limits) -> u64 {
    u64::try_from(limits.wall.as_millis()).unwrap_or(u64::MAX / u64::from(TIMES))
}

fn http_calls(limits: &Limits) -> u64 {
    limits.http_calls.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(limits: &[(&str, u64)]) -> Raised {
        limits.iter().map(|(name, most)| ((*name).to_owned(), *most)).collect()
    }

    #[test]
    fn only_what_exceeds_every_world_of_the_plugin_is_asked_for() {
        let worlds = [World::Ranking.limits(), World::Lifecycle.limits()];
        let wishes = Wishes { memory: Some(48 << 20), cpu_ms: Some(400), ..Wishes::default() };
        assert_eq!(wishes.exceeding(&worlds, 8 << 20), Ok(granted(&[("cpu_ms", 400)])));
        let large = Wishes { component: Some(20 << 20), ..Wishes::default() };
        assert_eq!(large.exceeding(&worlds, 8 << 20), Ok(granted(&[("component", 20 << 20)])));
        assert_eq!(large.exceeding(&worlds, 32 << 20), Ok(Raised::new()));
    }

    #[test]
    fn no_wish_goes_beyond_its_ceiling() {
        let worlds = [World::Moderation.limits()];
        for wishes in [
            Wishes { memory: Some(MEMORY_CEILING + 1), ..Wishes::default() },
            Wishes { cpu_ms: Some(1_001), ..Wishes::default() },
            Wishes { wall_ms: Some(2_001), ..Wishes::default() },
            Wishes { http_calls: Some(1), ..Wishes::default() },
            Wishes { component: Some(COMPONENT_CEILING + 1), ..Wishes::default() },
        ] {
            assert!(wishes.exceeding(&worlds, 8 << 20).expect_err("it is refused").contains("ask for less"));
        }
    }

    #[test]
    fn a_raise_holds_when_granted_and_a_reduction_at_once() {
        let has = World::Payment.limits();
        let more = Wishes { memory: Some(100 << 20), cpu_ms: Some(50), http_calls: Some(20), ..Wishes::default() };
        let without = more.applied(World::Payment, has, &Raised::new());
        assert_eq!((without.memory, without.cpu_ticks, without.http_calls), (32 << 20, 50, 5));
        let with = more.applied(World::Payment, has, &granted(&[("memory", 64 << 20), ("http_calls", 1_000)]));
        assert_eq!((with.memory, with.http_calls, with.wall), (64 << 20, 20, has.wall));
    }

    #[test]
    fn health_calls_keep_their_time() {
        let wishes = Wishes { cpu_ms: Some(5), wall_ms: Some(10), ..Wishes::default() };
        let has = World::Lifecycle.limits();
        assert_eq!(wishes.applied(World::Lifecycle, has, &Raised::new()), has);
        let ranking = wishes.applied(World::Ranking, World::Ranking.limits(), &Raised::new());
        assert_eq!((ranking.cpu_ticks, ranking.wall), (5, Duration::from_millis(10)));
    }
}
