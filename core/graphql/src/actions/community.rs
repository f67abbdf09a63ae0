//! Comments and moderation.

use lyceum_domain::{
    community::{AddComment, Subject, SubjectKind},
    moderation::Ruling,
};
use lyceum_kernel::{Failure, GlobalId, Result};
use serde_json::{Map, Value as Json};

use super::{Call, Done, Made, Registry, id_at, text_at};
use crate::{
    inputs::{Input, InputType},
    outputs::Output,
};

pub fn register(registry: &mut Registry<'_>) {
    registry.add(
        "addComment",
        "Writes a comment. Moderation may hold it for a person or reject it; its state tells.",
        vec![
            Input::new("subjectId", InputType::Id, "The course or lesson.").required(),
            Input::new("body", InputType::String, "The text, plain; 1 to 5,000 characters.").required(),
            Input::new("locale", InputType::String, "The language it is written in."),
            Input::new(
                "idempotencyKey",
                InputType::String,
                "The same key with the same input is the same comment, answered again; 1 to 200 characters.",
            ),
        ],
        vec![Output::new("comment", "Comment", "The comment.")],
        add_comment,
    );
    let rulings = [("ALLOW", "It is shown."), ("REJECT", "It is not shown.")];
    registry.inputs.enumeration("ModerationDecision", "What a moderator decides.", rulings);
    registry.add(
        "decideModeration",
        "Decides on something that waits for a moderator. Each item is decided once.",
        vec![
            Input::new("id", InputType::Id, "The item of the queue.").required(),
            Input::new("decision", InputType::Enum("ModerationDecision".into()), "Whether it is shown.").required(),
            Input::new("note", InputType::String, "Why."),
        ],
        vec![Output::new("moderationItem", "ModerationItem", "The item.")],
        decide,
    );
}

async fn add_comment(call: Call, input: Map<String, Json>) -> Result<Done> {
    let wrong = || Failure::input("input.subjectId", "This is not the id of a course or lesson.");
    let id = GlobalId::parse(text_at(&input, "subjectId")).map_err(|_| wrong())?;
    let kind = SubjectKind::of_prefix(id.prefix).ok_or_else(wrong)?;
    let locales = &call.domains.locales;
    let locale = match input.get("locale").and_then(Json::as_str) {
        Some(asked) => locales.find(asked).map_err(|error| Failure::input("input.locale", error.to_string()))?,
        None => locales.default_locale(),
    };
    let comment = AddComment {
        subject: Subject { kind, id: id.id },
        body: text_at(&input, "body").to_owned(),
        locale: locale.clone(),
        idempotency_key: input.get("idempotencyKey").and_then(Json::as_str).map(str::to_owned),
    };
    let added = call.domains.community.add_comment(&call.viewer, comment).await?;
    Ok(Done::new(vec![("comment", Made::Entity("comment".into(), added.id))]))
}

async fn decide(call: Call, input: Map<String, Json>) -> Result<Done> {
    let item = id_at(&input, "id", "moderationitem")?;
    let ruling = if text_at(&input, "decision") == "ALLOW" { Ruling::Allow } else { Ruling::Reject };
    let note = input.get("note").and_then(Json::as_str);
    call.domains.moderation.decide(&call.viewer, item, ruling, note).await?;
    Ok(Done::new(vec![("moderationItem", Made::Entity("moderationItem".into(), item))]))
}
