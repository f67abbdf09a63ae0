//! The sessions of the viewer's own account.
//!
//! They are no rows of the model: which of them asks depends on the viewer, and
//! nobody sees another's.

use lyceum_domain::{Domains, identity::OpenSession};
use lyceum_kernel::{Result, Viewer};
use serde_json::{Value as Json, json};

use crate::{
    outputs::{Output, Outputs},
    roots::{Root, RootKind},
};

/// What the ids of sessions begin with.
pub const PREFIX: &str = "session";

/// The root field.
pub fn root(outputs: &mut Outputs) -> Root {
    outputs.object(
        "MySessions",
        "Where the viewer is signed in.",
        vec![Output::new("nodes", "SignInSession", "The open sessions, at most 100.").list()],
    );
    outputs.object(
        "SignInSession",
        "One sign-in on one device, until it is ended or expires.",
        vec![
            Output::new("id", "ID", "For `endSession`.").required(),
            Output::new("createdAt", "DateTime", "When it began.").required(),
            Output::new("lastUsedAt", "DateTime", "When it was opened or refreshed last.").required(),
            Output::new("expiresAt", "DateTime", "When it ends unless it is refreshed before.").required(),
            Output::new("userAgent", "String", "What the browser or app called itself when it signed in."),
            Output::new("current", "Boolean", "Whether this request belongs to it.").required(),
        ],
    );
    Root {
        name: "mySessions".into(),
        description: "Where the viewer is signed in, the session used last first.".into(),
        arguments: Vec::new(),
        output: "MySessions".into(),
        kind: RootKind::MySessions,
    }
}

/// # Errors
/// UNAUTHENTICATED.
pub async fn found(domains: &Domains, viewer: &Viewer) -> Result<Json> {
    let sessions = domains.identity.own_sessions(viewer).await?;
    let nodes: Vec<Json> = sessions.iter().map(|session| node(session, viewer)).collect();
    Ok(json!({ "nodes": nodes }))
}

fn node(session: &OpenSession, viewer: &Viewer) -> Json {
    json!({
        "id": session.id.with_prefix(PREFIX),
        "createdAt": session.created_at,
        "lastUsedAt": session.last_used_at,
        "expiresAt": session.expires_at,
        "userAgent": session.user_agent,
        "current": viewer.session == Some(session.id),
    })
}
