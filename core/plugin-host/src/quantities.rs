//! The quantities of the newer permissions, as a manifest asks for them and as
//! an owner grants them.

use lyceum_domain::plugin::{ContentScope, EntryScope, Permission, event_name_covers};

use crate::{egress::MailServer, interface::Capability};

/// Event names of one plugin.
const NAMES: usize = 64;

/// What was granted of `content-read` or `content-write`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ContentGrant {
    collections: Vec<String>,
    entries: EntryScope,
}

impl ContentGrant {
    pub fn names(&self, type_name: &str) -> bool {
        self.collections.iter().any(|name| name == "*" || name == type_name)
    }

    pub fn scope(&self, plugin: &str) -> ContentScope {
        ContentScope { plugin: plugin.to_owned(), collections: self.collections.clone(), entries: self.entries }
    }

    /// # Errors
    /// The grant goes beyond what was asked.
    pub fn check(capability: Capability, ask: &Permission, grant: &Permission) -> Result<Self, String> {
        let name = capability.name();
        let asked = |collection: &String| ask.collections.iter().any(|c| c == "*" || c == collection);
        if let Some(wide) = grant.collections.iter().find(|collection| !asked(collection)) {
            return Err(format!(
                "the content type `{wide}` is granted for `{name}`, but the plugin does not ask for it"
            ));
        }
        let scope = |permission: &Permission| match permission.scope.as_deref() {
            Some(name) => entry_scope(capability, name),
            None => Ok(EntryScope::default()),
        };
        let (most, given) = (scope(ask)?, scope(grant)?);
        if given > most {
            return Err(format!("the scope of `{name}` is granted wider than the plugin asks"));
        }
        Ok(Self { collections: grant.collections.clone(), entries: given })
    }
}

fn entry_scope(capability: Capability, name: &str) -> Result<EntryScope, String> {
    let reads = capability == Capability::ContentRead;
    match EntryScope::named(name) {
        Some(scope) if reads || scope != EntryScope::Published => Ok(scope),
        _ if reads => Err(format!("the scope is \"{name}\": write `own`, `published` or `all`")),
        _ => Err(format!("the scope is \"{name}\": write `own` or `all`")),
    }
}

/// # Errors
/// A server that was not asked for, or that cannot be granted as it stands.
pub(crate) fn mail_servers(ask: &Permission, grant: &Permission) -> Result<Vec<MailServer>, String> {
    let asked: Vec<MailServer> = ask.hosts.iter().filter_map(|text| text.parse().ok()).collect();
    let mut granted = Vec::new();
    for text in &grant.hosts {
        let server: MailServer = text.parse().map_err(|why| format!("the granted server `{text}`: {why}"))?;
        if !asked.iter().any(|pattern| pattern.covers(&server)) {
            return Err(format!("the server `{text}` is granted, but the plugin does not ask for it"));
        }
        server.grantable().map_err(|why| format!("the server `{text}` cannot be granted: {why}"))?;
        granted.push(server);
    }
    Ok(granted)
}

/// # Errors
/// A name that was not asked for.
pub(crate) fn events(ask: &Permission, grant: &Permission) -> Result<Vec<String>, String> {
    match grant
        .names
        .iter()
        .find(|name| !ask.names.iter().any(|asked| asked == *name || event_name_covers(asked, name)))
    {
        Some(wide) => Err(format!("the event `{wide}` is granted, but the plugin does not ask for it")),
        None => Ok(grant.names.clone()),
    }
}

/// Whether a manifest may ask for this.
///
/// # Errors
/// The key of the permission, its value and what to write instead.
pub(crate) fn check_ask(capability: Capability, ask: &Permission) -> Result<(), (&'static str, String, String)> {
    let wrong = |key, value: &str, why: &str| Err((key, value.to_owned(), why.to_owned()));
    match capability {
        Capability::Smtp => {
            for host in &ask.hosts {
                if let Err(why) = host.parse::<MailServer>() {
                    return wrong("hosts", host, why);
                }
            }
        }
        Capability::Events => {
            if let Some(name) = ask.names.iter().find(|name| !is_event_name(name)) {
                return wrong("names", name, "write a name such as `course.published` or `course.*`");
            }
            if ask.names.len() > NAMES {
                return wrong("names", &ask.names.len().to_string(), "at most 64 names");
            }
        }
        Capability::ContentRead | Capability::ContentWrite => {
            if ask.collections.is_empty() {
                return wrong("collections", "", "name the content types, or write [\"*\"]");
            }
            let scope = ask.scope.as_deref().unwrap_or_default();
            if let Err(why) = entry_scope(capability, scope) {
                return wrong("scope", scope, &why);
            }
        }
        _ => {}
    }
    Ok(())
}

fn is_event_name(name: &str) -> bool {
    let name = name.strip_suffix(".*").unwrap_or(name);
    let proper = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
    (1..=128).contains(&name.len()) && name.bytes().all(proper)
}

/// What the hash of a permission covers besides hosts, names and quota.
pub(crate) fn hashed(ask: &Permission) -> Vec<String> {
    let mut collections = ask.collections.clone();
    collections.sort();
    let scope = ask.scope.iter().map(|scope| format!("scope={scope}"));
    collections.into_iter().map(|name| format!("collection={name}")).chain(scope).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(collections: &[&str], scope: &str) -> Permission {
        let collections = collections.iter().map(ToString::to_string).collect();
        Permission { collections, scope: Some(scope.to_owned()), ..Permission::default() }
    }

    #[test]
    fn content_is_granted_within_types_and_scope() {
        let check = |ask: &Permission, grant: &Permission| ContentGrant::check(Capability::ContentRead, ask, grant);
        let ask = content(&["course", "lesson"], "published");
        assert!(check(&ask, &content(&["lesson"], "published")).is_ok_and(|grant| grant.names("lesson")));
        assert!(check(&ask, &content(&["lesson"], "own")).is_ok_and(|grant| !grant.names("course")));
        assert!(check(&ask, &content(&["lesson"], "all")).is_err());
        assert!(check(&ask, &content(&["article"], "own")).is_err());
        assert!(check(&ask, &content(&["*"], "own")).is_err());
        assert!(check(&content(&["*"], "all"), &content(&["article"], "published")).is_ok());
        assert!(ContentGrant::check(Capability::ContentWrite, &content(&["*"], "published"), &ask).is_err());
    }

    #[test]
    fn events_and_servers_are_granted_by_name() {
        let names = |names: &[&str]| Permission {
            names: names.iter().map(ToString::to_string).collect(),
            ..Permission::default()
        };
        let ask = names(&["course.*", "order.paid"]);
        assert_eq!(events(&ask, &names(&["course.published"])), Ok(vec!["course.published".to_owned()]));
        assert!(events(&ask, &names(&["order.*"])).is_err());
        assert!(events(&ask, &names(&["courses.x"])).is_err());
        let hosts = |hosts: &[&str]| Permission {
            hosts: hosts.iter().map(ToString::to_string).collect(),
            ..Permission::default()
        };
        assert_eq!(mail_servers(&hosts(&["smtps://*"]), &hosts(&["smtps://m.example.com"])).map(|s| s.len()), Ok(1));
        assert!(mail_servers(&hosts(&["smtps://*"]), &hosts(&["smtps://*"])).is_err());
        assert!(mail_servers(&hosts(&["smtps://*"]), &hosts(&["smtp://m.example.com"])).is_err());
    }

    #[test]
    fn a_manifest_is_told_what_to_write() {
        let ask = |capability, permission: &Permission| check_ask(capability, permission).map_err(|(key, ..)| key);
        assert_eq!(ask(Capability::ContentRead, &content(&["course"], "published")), Ok(()));
        assert_eq!(ask(Capability::ContentRead, &content(&["course"], "some")), Err("scope"));
        assert_eq!(ask(Capability::ContentWrite, &content(&["course"], "published")), Err("scope"));
        assert_eq!(ask(Capability::ContentWrite, &content(&[], "own")), Err("collections"));
        let named = Permission { names: vec!["*".into()], ..Permission::default() };
        assert_eq!(ask(Capability::Events, &named), Err("names"));
    }
}
