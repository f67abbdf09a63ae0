//! Roles: data in the database, seeded from `schema/roles.toml`, held in memory.
//!
//! A viewer's statement brings the version of each role. When the memory has
//! another version, because another server changed the role, it reads again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use lyceum_kernel::{Failure, Result, Rule, Rules};
use lyceum_store::Database;
use serde::Deserialize;

use super::{VISITOR, store};

const BUILT_IN: &str = include_str!("../../../../schema/roles.toml");

/// So many combinations of roles are kept combined; others are combined anew.
const COMBINATIONS_KEPT: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RolesFile {
    role: Vec<BuiltInRole>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuiltInRole {
    pub key: String,
    pub rules: Vec<Rule>,
}

pub(super) fn built_in() -> Result<Vec<BuiltInRole>> {
    toml::from_str::<RolesFile>(BUILT_IN).map(|file| file.role).map_err(Failure::internal)
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
    combined: RwLock<HashMap<Vec<RoleVersion>, Arc<Rules>>>,
}

/// The roles in memory.
pub(super) struct RoleBook(RwLock<Arc<Edition>>);

impl RoleBook {
    pub(super) async fn open(database: &Database) -> Result<Self> {
        Ok(Self(RwLock::new(Arc::new(Edition::read(database).await?))))
    }

    pub(super) async fn reload(&self, database: &Database) -> Result<()> {
        let edition = Arc::new(Edition::read(database).await?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = edition;
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
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Edition {
    async fn read(database: &Database) -> Result<Self> {
        Ok(Self { roles: store::roles(database).await?, combined: RwLock::default() })
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
        let rules = Arc::new(Rules::new(found.flat_map(|role| role.rules.iter().cloned()).collect()));
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
        let roles = built_in().expect("the file is valid");
        let keys: Vec<&str> = roles.iter().map(|role| role.key.as_str()).collect();
        assert_eq!(keys, ["visitor", "member", "author", "editor", "admin"]);
    }
}
