//! What members of the demo say.

use lyceum_domain::community::{AddComment, Subject, SubjectKind};
use lyceum_kernel::{Failure, GlobalId, Id};
use lyceum_store::read::{Entity, Lookup, Output, Reading};
use serde::Deserialize;

use super::people::member;
use crate::{StartError, app::App, operator::operator};

const COMMENTS: &str = include_str!("../../../../examples/demo/comments.jsonl");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Comment {
    /// The slug.
    course: String,
    author: String,
    body: String,
    locale: String,
}

/// One member a comment. Those that a start before added are not added again.
pub(super) async fn add(app: &App) -> Result<(), StartError> {
    for (index, line) in COMMENTS.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let comment: Comment = serde_json::from_str(line).map_err(Failure::internal)?;
        let locale = app.domains().locales.find(&comment.locale).map_err(Failure::internal)?.clone();
        let viewer = member(app, index + 1, &comment.author, &locale).await?;
        let Some(id) = course(app, &comment.course).await? else { continue };
        let subject = Subject { kind: SubjectKind::Course, id };
        let idempotency_key = Some(format!("demo-{}", index + 1));
        let comment = AddComment { subject, body: comment.body, locale, idempotency_key };
        app.domains().community.add_comment(&viewer, comment).await?;
    }
    Ok(())
}

async fn course(app: &App, slug: &str) -> Result<Option<Id>, Failure> {
    let domains = app.domains();
    let (def, viewer) = (domains.contents.content_type("course")?, operator(None));
    let locales = domains.locales.all();
    let reading =
        Reading { model: &domains.model, viewer: &viewer, locales, exact: false, dialect: domains.database.dialect() };
    let entity = Entity { def, outputs: vec![("id".into(), Output::Id)] };
    let found = reading.one(&entity, &Lookup::Slug(vec![slug.to_owned()])).fetch(domains.database.reader()).await?;
    let Some(found) = found else { return Ok(None) };
    let row: serde_json::Value = serde_json::from_str(&found).map_err(Failure::internal)?;
    Ok(row["id"].as_str().and_then(|id| GlobalId::expect(id, &def.prefix).ok()))
}
