//! What a plugin takes part in: hooks, jobs and fields of the API.

use serde::{Deserialize, Serialize};

use crate::{content::Moment, job::JobSpec};

/// What a plugin takes part in, from its manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extends {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<HooksAsked>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobSpec>,
    /// What it adds to the API, in GraphQL SDL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdl: Option<String>,
}

/// Which changes of content a plugin wants to see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HooksAsked {
    #[serde(default)]
    pub before: Vec<Moment>,
    #[serde(default)]
    pub after: Vec<Moment>,
    /// Names of content types, or `*`.
    pub types: Vec<String>,
    /// Whether a failure of the plugin refuses the change.
    #[serde(default)]
    pub guard: bool,
}

impl Extends {
    /// Whether `other` sees and adds nothing beyond this, so that a consent to
    /// this is one to it. Jobs do not count: they run under the plugin's own
    /// permissions.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let hooks = match (&self.hooks, &other.hooks) {
            (_, None) => true,
            (Some(hooks), Some(other)) => hooks.covers(other),
            (None, Some(_)) => false,
        };
        hooks && (other.sdl.is_none() || self.sdl == other.sdl)
    }
}

impl HooksAsked {
    /// Whether entries of this type are meant.
    #[must_use]
    pub fn wants_type(&self, name: &str) -> bool {
        self.types.iter().any(|wanted| wanted == "*" || wanted == name)
    }

    fn covers(&self, other: &Self) -> bool {
        other.before.iter().all(|moment| self.before.contains(moment))
            && other.after.iter().all(|moment| self.after.contains(moment))
            && other.types.iter().all(|name| self.wants_type(name))
            && (self.guard || !other.guard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(before: &[Moment], types: &[&str]) -> Extends {
        let types = types.iter().map(ToString::to_string).collect();
        Extends {
            hooks: Some(HooksAsked { before: before.to_vec(), types, ..HooksAsked::default() }),
            ..Extends::default()
        }
    }

    #[test]
    fn a_consent_covers_fewer_moments_and_types_and_not_more() {
        let seen = hooks(&[Moment::Create, Moment::Update], &["course", "lesson"]);
        assert!(seen.covers(&seen) && seen.covers(&Extends::default()));
        assert!(seen.covers(&hooks(&[Moment::Update], &["lesson"])));
        assert!(!seen.covers(&hooks(&[Moment::Delete], &["lesson"])));
        assert!(!seen.covers(&hooks(&[Moment::Update], &["*"])));
        assert!(hooks(&[Moment::Update], &["*"]).covers(&hooks(&[Moment::Update], &["lesson"])));
        assert!(!Extends::default().covers(&seen));
        let mut guarding = seen.clone();
        guarding.hooks.iter_mut().for_each(|hooks| hooks.guard = true);
        assert!(guarding.covers(&seen) && !seen.covers(&guarding), "a guard can stop changes");
    }

    #[test]
    fn another_sdl_is_another_ask() {
        let sdl = |text: &str| Extends { sdl: Some(text.into()), ..Extends::default() };
        assert!(sdl("a").covers(&sdl("a")) && sdl("a").covers(&Extends::default()));
        assert!(!sdl("a").covers(&sdl("b")) && !Extends::default().covers(&sdl("a")));
    }
}
