//! Events as plugins tell and read them. They stay in the outbox after its
//! consumers have passed, for `retention.event_days`: a plugin that comes back
//! later than that has missed some.

use lyceum_kernel::{ErrorCode, Event, Failure, GlobalId, Id, Result};
use lyceum_store::failed;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value as Json;

use super::{Contents, PluginEvent};

/// The subject of an event that is about nothing but the plugin.
const PLUGIN: &str = "plugin";
/// Longest name of an event without the plugin's id, in bytes.
const NAME_BYTES: usize = 64;

pub(super) async fn emit(
    contents: &Contents,
    plugin: &str,
    name: &str,
    subject: Option<&str>,
    data: &Json,
) -> Result<()> {
    if !data.is_object() {
        return Err(Failure::input("data", "An object is needed here."));
    }
    let name = format!("{plugin}.{}", checked(name)?);
    let (subject_type, subject_id) = match subject {
        Some(text) => named(contents, text)?,
        None => (PLUGIN.to_owned(), own_id(contents, plugin).await?),
    };
    let mut write = contents.database().write().await?;
    write.emit(&Event { name, subject_type, subject_id, actor: None, data: data.clone() }).await?;
    write.commit().await
}

pub(super) async fn read(contents: &Contents, names: &[String], after: i64, limit: u32) -> Result<Vec<PluginEvent>> {
    let database = contents.database();
    let found = database.outbox().named(database, names, after, u64::from(limit)).await?;
    Ok(found.into_iter().map(|(delivery, at)| told(contents, delivery.position, delivery.event, at)).collect())
}

fn told(contents: &Contents, position: i64, event: Event, at: lyceum_kernel::Timestamp) -> PluginEvent {
    let about_itself = event.subject_type == PLUGIN && event.name.contains('/');
    let prefix = contents.model().get(&event.subject_type).map_or(event.subject_type.as_str(), |def| &def.prefix);
    let subject = (!about_itself).then(|| event.subject_id.with_prefix(prefix));
    PluginEvent { position, name: event.name, subject, at, data: event.data }
}

fn checked(name: &str) -> Result<&str> {
    let proper = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.');
    let fits = !name.is_empty() && name.len() <= NAME_BYTES && name.bytes().all(proper);
    let why = "A name has lower-case letters, digits, \"-\", \"_\" and \".\", at most 64.";
    if fits { Ok(name) } else { Err(Failure::input("name", why)) }
}

/// The type and id of a global id.
fn named(contents: &Contents, text: &str) -> Result<(String, Id)> {
    let wrong = || Failure::input("subject", "This is no id of a known type.");
    let id = GlobalId::parse(text).map_err(|_| wrong())?;
    let def = contents.model().types().iter().find(|def| def.prefix == id.prefix).ok_or_else(wrong)?;
    Ok((def.name.clone(), id.id))
}

async fn own_id(contents: &Contents, plugin: &str) -> Result<Id> {
    let database = contents.database();
    let statement = Statement::from_sql_and_values(
        database.dialect().backend(),
        "SELECT id FROM plugin WHERE name = $1",
        [plugin.into()],
    );
    let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
    let row = row.ok_or_else(|| Failure::new(ErrorCode::InvalidState, "The plugin is not installed yet."))?;
    row.try_get_by_index::<String>(0).map_err(failed)?.parse().map_err(Failure::internal)
}
