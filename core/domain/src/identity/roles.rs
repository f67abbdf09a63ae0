//! Roles: data in the database, seeded from `schema/roles.toml`, held in memory.
//!
//! What stands in the database counts. A built-in role that nobody has changed
//! follows a new version of the file; one that was changed stays as it is.
//!
//! A viewer's statement brings the version of each role. When the memory has
//! another version, because another server changed the role, it reads again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use lyceum_kernel::{Action, Failure, Result, RowScope, Rule, Rules};
use lyceum_store::{Database, Write};
use serde::Deserialize;

use super::{MEMBER, VISITOR, store};

const BUILT_IN: &str = include_str!("../../../../schema/roles.toml");

/// So many combinations of roles are kept combined; others are combined anew.
const COMBINATIONS_KEPT: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RolesFile {
    role: Vec<BuiltInRole>,
    superseded: Vec<BuiltInRole>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuiltInRole {
    pub key: String,
    pub rules: Vec<Rule>,
}

/// Writes the built-in roles that are missing, and the new rules of those that
/// are as an earlier version wrote them.
pub(super) async fn seed(write: &Write) -> Result<()> {
    let RolesFile { role, superseded } = toml::from_str(BUILT_IN).map_err(Failure::internal)?;
    for role in &role {
        store::seed_role(write, role).await?;
        for old in superseded.iter().filter(|old| old.key == role.key) {
            store::replace_rules(write, old, role).await?;
        }
    }
    Ok(())
}

/// Who may list all people. Others see those who made something they may read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberList {
    Visitors,
    Members,
    #[default]
    Nobody,
}

impl MemberList {
    /// The role that gets the list, when one does.
    fn role(self) -> Option<&'static str> {
        match self {
            Self::Visitors => Some(VISITOR),
            Self::Members => Some(MEMBER),
            Self::Nobody => None,
        }
    }

    /// What it adds to the rules of these roles.
    fn rule(self, roles: &[RoleVersion]) -> Option<Rule> {
        let list = || Rule {
            subject: "user".to_owned(),
            actions: vec![Action::Read],
            rows: RowScope::All,
            fields: Some(["id", "name", "bio", "links", "createdAt", "courses"].map(str::to_owned).to_vec()),
        };
        roles.iter().any(|(key, _)| Some(key.as_str()) == self.role()).then(list)
    }
}

/// One role as the database has it.
#[derive(Debug)]
pub(super) struct Role {
    pub version: i64,
    pub rules: Vec<Rule>,
}

/// A role's key and version.
pub(super) type RoleVersion = (String, i64);

/// All roles at one moment.
struct Edition {
    roles: BTreeMap<String, Role>,
    member_list: MemberList,
    combined: RwLock<HashMap<Vec<RoleVersion>, Arc<Rules>>>,
}

/// The roles in memory.
pub(super) struct RoleBook {
    edition: RwLock<Arc<Edition>>,
    member_list: MemberList,
}

impl RoleBook {
    pub(super) async fn open(database: &Database, member_list: MemberList) -> Result<Self> {
        let edition = RwLock::new(Arc::new(Edition::read(database, member_list).await?));
        Ok(Self { edition, member_list })
    }

    pub(super) async fn reload(&self, database: &Database) -> Result<()> {
        let edition = Arc::new(Edition::read(database, self.member_list).await?);
        *self.edition.write().unwrap_or_else(PoisonError::into_inner) = edition;
        Ok(())
    }

    /// What an anonymous visitor may do.
    pub(super) fn visitor(&self) -> Arc<Rules> {
        let edition = self.edition();
        let version = edition.roles.get(VISITOR).map_or(0, |role| role.version);
        edition.combine(&[(VISITOR.to_owned(), version)])
    }

    /// The rules of these roles, of at least these versions.
    pub(super) async fn rules(&self, database: &Database, roles: &[RoleVersion]) -> Result<Arc<Rules>> {
        if !self.edition().knows(roles) {
            self.reload(database).await?;
        }
        Ok(self.edition().combine(roles))
    }

    fn edition(&self) -> Arc<Edition> {
        self.edition.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Edition {
    async fn read(database: &Database, member_list: MemberList) -> Result<Self> {
        Ok(Self { roles: store::roles(database).await?, member_list, combined: RwLock::default() })
    }

    fn knows(&self, roles: &[RoleVersion]) -> bool {
        roles.iter().all(|(key, version)| self.roles.get(key).is_some_and(|role| role.version >= *version))
    }

    fn combine(&self, roles: &[RoleVersion]) -> Arc<Rules> {
        let kept = self.combined.read().unwrap_or_else(PoisonError::into_inner).get(roles).cloned();
        kept.unwrap_or_else(|| self.combine_anew(roles))
    }

    fn combine_anew(&self, roles: &[RoleVersion]) -> Arc<Rules> {
        let found = roles.iter().filter_map(|(key, _)| self.roles.get(key));
        let written = found.flat_map(|role| role.rules.iter().cloned());
        let rules = Arc::new(Rules::new(written.chain(self.member_list.rule(roles)).collect()));
        let mut combined = self.combined.write().unwrap_or_else(PoisonError::into_inner);
        if combined.len() < COMBINATIONS_KEPT {
            combined.insert(roles.to_vec(), rules.clone());
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_roles_are_the_documented_five() {
        let file: RolesFile = toml::from_str(BUILT_IN).expect("the file is valid");
        let keys: Vec<&str> = file.role.iter().map(|role| role.key.as_str()).collect();
        assert_eq!(keys, ["visitor", "member", "author", "editor", "admin"]);
    }
}
