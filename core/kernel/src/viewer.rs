//! Who asks, and what the roles of that person allow.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Id;

/// What may be done to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Read,
    Create,
    Update,
    Delete,
    Publish,
    /// Decide what moderation holds.
    Moderate,
    /// Install plugins, set prices, refund.
    Manage,
}

/// Which rows a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowScope {
    All,
    /// Content that is published; of other types, what its owner made public.
    Published,
    /// What the viewer made or owns.
    Own,
    /// People who made something that the viewer may read; no other type has
    /// such rows.
    Authors,
}

/// One rule of a role: these actions on these rows of this type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A type's API name in lower camel case (`course`), `content` for every
    /// content type, or `*`.
    #[serde(rename = "type")]
    pub subject: String,
    pub actions: Vec<Action>,
    pub rows: RowScope,
    /// The fields the rule is about; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
}

/// The rules of all roles a viewer has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(Vec<Rule>);

impl Rules {
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// The rules that allow `action` on a type. `is_content` tells whether
    /// the type is a content type.
    pub fn allowing<'a>(
        &'a self,
        subject: &'a str,
        is_content: bool,
        action: Action,
    ) -> impl Iterator<Item = &'a Rule> {
        self.0.iter().filter(move |rule| {
            let about = rule.subject == subject || rule.subject == "*" || (is_content && rule.subject == "content");
            about && rule.actions.contains(&action)
        })
    }
}

/// The one who asks. Loaded once a request; every read goes through it.
#[derive(Debug, Clone, Default)]
pub struct Viewer {
    /// Absent for an anonymous visitor.
    pub user: Option<Id>,
    pub session: Option<Id>,
    pub roles: Vec<String>,
    pub rules: Arc<Rules>,
    /// The tiers whose content is open to the viewer: those paid for and every
    /// tier of a lower rank.
    pub tiers: Vec<Id>,
    /// The entries the viewer bought one by one.
    pub purchases: Vec<Id>,
    /// The plugin that asks, when it is no person. The gates of what its rules
    /// let it read are open to it: the owner granted it, and it has no tier.
    pub plugin: Option<Arc<str>>,
}

impl Viewer {
    /// A plugin, with exactly these rules.
    #[must_use]
    pub fn for_plugin(id: &str, rules: Vec<Rule>) -> Self {
        Self { plugin: Some(id.into()), rules: Arc::new(Rules::new(rules)), ..Self::default() }
    }

    /// The widest rows on which the viewer may do `action`, if any.
    #[must_use]
    pub fn scope(&self, subject: &str, is_content: bool, action: Action) -> Vec<RowScope> {
        self.scopes(self.rules.allowing(subject, is_content, action))
    }

    /// As [`Viewer::scope`], for one field of the rows.
    #[must_use]
    pub fn field_scope(&self, subject: &str, is_content: bool, action: Action, field: &str) -> Vec<RowScope> {
        let covers = |rule: &&Rule| rule.fields.as_ref().is_none_or(|fields| fields.iter().any(|f| f == field));
        self.scopes(self.rules.allowing(subject, is_content, action).filter(covers))
    }

    fn scopes<'a>(&self, rules: impl Iterator<Item = &'a Rule>) -> Vec<RowScope> {
        let mut scopes: Vec<RowScope> = Vec::new();
        for rule in rules {
            if rule.rows == RowScope::All {
                return vec![RowScope::All];
            }
            if !scopes.contains(&rule.rows) {
                scopes.push(rule.rows);
            }
        }
        if self.user.is_none() {
            scopes.retain(|s| *s != RowScope::Own);
        }
        scopes
    }

    /// Whether the viewer may do `action` on every row of a type.
    #[must_use]
    pub fn may(&self, subject: &str, action: Action) -> bool {
        self.scope(subject, false, action).contains(&RowScope::All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(rows: RowScope) -> Viewer {
        let rule = Rule { subject: "content".into(), actions: vec![Action::Update], rows, fields: None };
        Viewer { rules: Arc::new(Rules::new(vec![rule])), ..Viewer::default() }
    }

    #[test]
    fn a_visitor_owns_nothing() {
        assert_eq!(viewer(RowScope::Own).scope("course", true, Action::Update), []);
        let author = Viewer { user: Some(Id::new()), ..viewer(RowScope::Own) };
        assert_eq!(author.scope("course", true, Action::Update), [RowScope::Own]);
        assert_eq!(author.scope("course", true, Action::Delete), []);
        assert_eq!(author.scope("user", false, Action::Update), []);
    }
}
