//! Uploads, as the GraphQL multipart request specification has them: the parts
//! `operations` and `map`, then the files.
//!
//! **Invariant:** a file is read only for those who manage plugins, who alone
//! have an action that takes one. Everybody else is refused before it.

use std::collections::BTreeMap;

use axum::{
    extract::{FromRequest as _, Multipart, Request, multipart::Field},
    http::HeaderMap,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use lyceum_kernel::{Action, ErrorCode, Failure, Result};
use serde_json::Value as Json;

use crate::{
    api::Api,
    coerce::scalar,
    execute::{GraphqlRequest, not_allowed},
    http::{bad_request, bearer, parse},
};

/// Bytes of a whole request with files.
pub const UPLOAD_BYTES: usize = 41 << 20;
/// Files of one request.
const FILES: usize = 4;

impl Api {
    /// A request with its files in the variables, in base64.
    pub(crate) async fn uploaded(&self, headers: &HeaderMap, request: Request) -> Result<GraphqlRequest> {
        let viewer = self.domains.identity.viewer_for(bearer(headers)?).await?;
        if !viewer.may("plugin", Action::Manage) {
            return Err(not_allowed(&viewer, "You may not upload files."));
        }
        let mut parts = Multipart::from_request(request, &()).await.map_err(|error| bad_request(&error.body_text()))?;
        let operations = named(&mut parts, "operations").await?;
        if operations.len() > self.options.limits.body_bytes {
            return Err(Failure::new(ErrorCode::BodyTooLarge, "The part \"operations\" is too large."));
        }
        let mut request = parse(&operations)?;
        let map: BTreeMap<String, Vec<String>> = serde_json::from_slice(&named(&mut parts, "map").await?)
            .map_err(|_| bad_request("The part \"map\" is an object of lists of paths."))?;
        for _ in 0..FILES {
            let Some(file) = next(&mut parts).await? else { return Ok(request) };
            let name = file.name().unwrap_or_default().to_owned();
            let paths =
                map.get(&name).ok_or_else(|| bad_request(&format!("The file \"{name}\" is not in \"map\".")))?;
            let [path] = paths.as_slice() else {
                return Err(bad_request(&format!("\"map\" names one place for each file, not {}.", paths.len())));
            };
            let content = scalar::uploaded(STANDARD.encode(content(file).await?));
            put(&mut request, path, content)?;
        }
        Err(bad_request(&format!("A request has at most {FILES} files.")))
    }
}

async fn next(parts: &mut Multipart) -> Result<Option<Field<'_>>> {
    parts.next_field().await.map_err(|error| bad_request(&error.body_text()))
}

async fn content(field: Field<'_>) -> Result<Vec<u8>> {
    match field.bytes().await {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(error) if error.status().as_u16() == 413 => {
            let message = format!("A request with files has at most {} MiB.", UPLOAD_BYTES >> 20);
            Err(Failure::new(ErrorCode::BodyTooLarge, message))
        }
        Err(error) => Err(bad_request(&error.body_text())),
    }
}

/// The next part, which must have this name.
async fn named(parts: &mut Multipart, name: &str) -> Result<Vec<u8>> {
    match next(parts).await? {
        Some(field) if field.name() == Some(name) => content(field).await,
        _ => Err(bad_request(&format!("The next part must be \"{name}\": first operations, then map, then files."))),
    }
}

/// Puts a file's content where the map says: `variables.input.package`.
fn put(request: &mut GraphqlRequest, path: &str, content: Json) -> Result<()> {
    let wrong = || bad_request(&format!("The path \"{path}\" of \"map\" names no variable that is null."));
    let path = path.strip_prefix("variables.").ok_or_else(wrong)?;
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let mut place = request.variables.get_mut(first).ok_or_else(wrong)?;
    for step in rest.split('.').filter(|step| !step.is_empty()) {
        place = match place {
            Json::Object(map) => map.get_mut(step),
            Json::Array(items) => step.parse::<usize>().ok().and_then(|at| items.get_mut(at)),
            _ => None,
        }
        .ok_or_else(wrong)?;
    }
    if !place.is_null() {
        return Err(wrong());
    }
    *place = content;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_goes_only_where_a_variable_is_null() {
        let variables = json!({ "input": { "package": null, "files": [null], "name": "n" } });
        let mut request = GraphqlRequest {
            variables: variables.as_object().cloned().unwrap_or_default(),
            ..GraphqlRequest::default()
        };
        for path in ["variables.input.package", "variables.input.files.0"] {
            assert!(put(&mut request, path, json!("YQ==")).is_ok(), "{path}");
        }
        for path in [
            "input.package",
            "variables.input.name",
            "variables.other",
            "variables.input.files.1",
            "variables.input.package",
        ] {
            assert!(put(&mut request, path, json!("YQ==")).is_err(), "{path}");
        }
        assert_eq!(request.variables["input"], json!({ "package": "YQ==", "files": ["YQ=="], "name": "n" }));
    }
}
