//! The IDE at `/`: whether it is there, and what its page may run.
//!
//! **Invariant:** of all scripts only the one that is written in the page runs,
//! by its hash; text that came into the page some other way does not.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// Without the IDE, `/` is nothing.
pub(super) async fn page(State(enabled): State<bool>, request: Request, next: Next) -> Response {
    if request.uri().path() != "/" {
        return next.run(request).await;
    }
    if !enabled {
        return StatusCode::NOT_FOUND.into_response();
    }
    with_policy(next.run(request).await).await
}

async fn with_policy(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // The page is in memory already.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if let Ok(policy) = HeaderValue::from_str(&policy(&String::from_utf8_lossy(&bytes))) {
        parts.headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// The page talks to us alone and has everything in it.
fn policy(page: &str) -> String {
    let hash = |script: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script)));
    let scripts: Vec<String> = scripts(page).map(hash).collect();
    let scripts = if scripts.is_empty() { "'none'".to_owned() } else { scripts.join(" ") };
    format!(
        "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

fn scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("<script>").skip(1).filter_map(|rest| rest.split_once("</script>").map(|(script, _)| script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_of_the_page_is_allowed_by_its_hash_and_no_other() {
        // The example of the Content Security Policy specification, level 2, 7.17.2.
        let page = "<p>doSomething</p><script>alert('Hello, world.');</script>";
        let policy = policy(page);
        assert!(policy.contains("script-src 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=';"), "{policy}");
        assert!(super::policy("<p>no script</p>").contains("script-src 'none';"));
    }
}
