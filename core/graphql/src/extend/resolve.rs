//! Filling the fields of plugins into what was read.
//!
//! A read row holds, in the place of a plugin's field, the parent that the
//! plugin needs: `{"@…": 0, "id": …, "title": …}`. All parents of one field go
//! to the plugin in one batch.

use futures::{StreamExt, stream};
use lyceum_domain::plugin::FieldRequest;
use lyceum_kernel::{ErrorCode, Failure, Result};
use serde_json::{Value as Json, json};

use super::{Additions, AskedField};

/// So many fields of one query are asked at once: the plugin has few places for
/// calls, and others ask too.
const AT_ONCE: usize = 4;

/// For whom fields are resolved.
pub struct Surroundings<'a> {
    pub locale: String,
    /// The global id of the viewer.
    pub viewer: Option<String>,
    /// The key of the root field in the response.
    pub root: &'a str,
}

/// One place of the answer that waits for a plugin.
struct Place {
    path: Vec<Json>,
    parent: Json,
}

/// The answer of one place, or what the client is told instead.
type Answered = std::result::Result<Json, (String, Option<String>)>;

/// Replaces all parents in `text` by the answers of the plugins.
///
/// # Errors
/// Internal. What a plugin does wrong is told in `errors`.
pub async fn resolve(
    additions: &Additions,
    asked: &[AskedField],
    text: &str,
    around: &Surroundings<'_>,
    errors: &mut Vec<Json>,
) -> Result<String> {
    let mut value: Json = serde_json::from_str(text).map_err(Failure::internal)?;
    let mut places: Vec<Vec<Place>> = asked.iter().map(|_| Vec::new()).collect();
    collect(&mut value, &additions.marker, &mut vec![around.root.into()], &mut places);
    let calls: Vec<_> =
        asked.iter().zip(&places).map(|(field, places)| answer(additions, field, places, around)).collect();
    let answers: Vec<Vec<Answered>> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    for ((field, places), answers) in asked.iter().zip(&places).zip(answers) {
        for (place, answered) in places.iter().zip(answers) {
            let told = answered.unwrap_or_else(|(why, kind)| {
                errors.push(error(field, &place.path, &why, kind.as_deref()));
                Json::Null
            });
            if let Some(slot) = slot(&mut value, &place.path[1..]) {
                *slot = told;
            }
        }
    }
    Ok(value.to_string())
}

/// Takes every parent out and leaves null in its place.
fn collect(value: &mut Json, marker: &str, path: &mut Vec<Json>, places: &mut [Vec<Place>]) {
    match value {
        Json::Object(fields) => {
            let number = fields.get(marker).and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
            if let Some(list) = number.and_then(|number| places.get_mut(number)) {
                fields.shift_remove(marker);
                list.push(Place { path: path.clone(), parent: value.take() });
                return;
            }
            for (key, inner) in fields.iter_mut() {
                path.push(key.as_str().into());
                collect(inner, marker, path, places);
                path.pop();
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                path.push(index.into());
                collect(item, marker, path, places);
                path.pop();
            }
        }
        _ => {}
    }
}

fn slot<'v>(value: &'v mut Json, path: &[Json]) -> Option<&'v mut Json> {
    path.iter().try_fold(value, |value, step| match step {
        Json::String(key) => value.get_mut(key),
        index => value.get_mut(usize::try_from(index.as_u64()?).ok()?),
    })
}

async fn answer(
    additions: &Additions,
    asked: &AskedField,
    places: &[Place],
    around: &Surroundings<'_>,
) -> Vec<Answered> {
    if places.is_empty() {
        return Vec::new();
    }
    let field = &asked.field;
    let request = FieldRequest {
        type_name: field.type_name.clone(),
        field: field.name.clone(),
        args: asked.args.clone(),
        locale: around.locale.clone(),
        viewer: around.viewer.clone(),
    };
    let parents: Vec<Json> = places.iter().map(|place| place.parent.clone()).collect();
    match field.resolver.resolve(&request, &parents).await {
        Ok(answers) => answers.into_iter().map(|answer| checked(additions, asked, answer)).collect(),
        Err(failure) => {
            let kind = serde_json::to_value(failure.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
            places.iter().map(|_| Err(("The plugin failed.".to_owned(), kind.clone()))).collect()
        }
    }
}

fn checked(additions: &Additions, asked: &AskedField, answer: std::result::Result<Json, String>) -> Answered {
    let value = answer.map_err(|why| (format!("The plugin has no answer: {}", short(&why)), None))?;
    additions.shaped(&value, &asked.field.ty, &asked.projection).map_err(|why| {
        tracing::warn!(plugin = asked.field.resolver.name(), field = asked.field.name, why, "a wrong answer");
        ("The plugin's answer is not of the declared type.".to_owned(), Some("invalid-output".to_owned()))
    })
}

/// A plugin's text is not to be trusted.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn error(asked: &AskedField, path: &[Json], message: &str, kind: Option<&str>) -> Json {
    let mut extensions = json!({ "code": ErrorCode::PluginFailed.name(), "plugin": asked.field.resolver.name() });
    if let Some(kind) = kind {
        extensions["kind"] = kind.into();
    }
    let mut error = json!({ "message": message, "path": path, "extensions": extensions });
    if let Some(place) = &asked.location {
        error["locations"] = json!([place]);
    }
    error
}
