//! What an owner sees of a running plugin: consent, secrets, versions, use
//! against limits, and what happened to it last.
//!
//! It is no row: half of it is known to this process only. So it is a root
//! field of its own beside the type `Plugin`.

use lyceum_domain::{
    Domains,
    plugin::{PluginFailure, PluginOverview, Usage, WorldUsage},
};
use lyceum_kernel::{Result, Timestamp, Viewer};
use serde_json::{Map, Value as Json, json};

use crate::{
    fields::Selections,
    inputs::{Input, InputType},
    limits::Meter,
    outputs::{Output, Outputs},
    roots::{Root, RootKind},
};

/// Notices that are told.
const NOTICES: u32 = 20;

/// The root fields.
pub fn roots(outputs: &mut Outputs) -> [Root; 2] {
    register(outputs);
    let name = || Input::new("name", InputType::String, "The publisher and the name.").required();
    [
        Root {
            name: "pluginStatus".into(),
            description: "What a plugin is allowed, what waits for consent, what it uses. For those who manage plugins.".into(),
            arguments: vec![name()],
            output: "PluginStatus".into(),
            kind: RootKind::PluginStatus,
        },
        Root {
            name: "pluginShadowReport".into(),
            description: "How the answers of a ranker or moderator in the shadow differ from those of the active ones. For those who manage plugins.".into(),
            arguments: vec![name()],
            output: "PluginShadowReports".into(),
            kind: RootKind::PluginShadowReport,
        },
    ]
}

fn register(outputs: &mut Outputs) {
    let text = |name, description| Output::new(name, "String", description).required();
    let moment = |name, description| Output::new(name, "DateTime", description);
    let number = |name, description| Output::new(name, "Long", description).required();
    let figure = |name, description| Output::new(name, "Decimal", description).required();
    outputs.object(
        "PluginStatus",
        "What an owner sees of a plugin beside its row.",
        vec![
            text("name", "The publisher and the name."),
            text("version", "The version that is in place."),
            text("state", "`installed`, `enabled`, `disabled` or `failed`."),
            Output::new("shadow", "Boolean", "It runs, and is only compared with what serves.").required(),
            Output::new("summary", "JSON", "What it does, by language.").required(),
            Output::new("implements", "String", "The interfaces it implements.").list(),
            Output::new("asks", "JSON", "What it asks for, with reasons.").required(),
            Output::new("grants", "JSON", "What it was granted.").required(),
            text("permissionHash", "The hash of what it asks for."),
            Output::new("configSchema", "JSON", "The JSON Schema of its configuration."),
            Output::new("config", "JSON", "Its configuration.").required(),
            text("source", "Where it came from."),
            Output::new("fingerprint", "String", "The fingerprint of the key that signed it."),
            Output::new("consent", "PluginConsent", "Who allowed it."),
            Output::new("secrets", "PluginSecret", "The secrets it asks for. Values are never told.").list(),
            Output::new("staged", "PluginStaged", "An update that waits for consent."),
            Output::new("versions", "PluginVersion", "What can be gone back to, the latest first.").list(),
            Output::new("usage", "PluginUsage", "What it used since this server started.").required(),
            Output::new("notices", "PluginNotice", "What happened to it, the newest first.").list(),
        ],
    );
    outputs.object(
        "PluginConsent",
        "Who allowed what.",
        vec![
            Output::new("by", "ID", "The user; none for the operator at the machine."),
            moment("at", "When.").required(),
            text("permissionHash", "The hash of what was allowed."),
            Output::new("keyId", "String", "The publisher's key."),
        ],
    );
    outputs.object(
        "PluginSecret",
        "A secret that a plugin asks for.",
        vec![
            text("name", "Its name."),
            Output::new("isSet", "Boolean", "Whether it has a value.").required(),
            moment("setAt", "When it was set last."),
        ],
    );
    outputs.object(
        "PluginStaged",
        "An update that waits for consent.",
        vec![
            text("version", "The version."),
            Output::new("asks", "JSON", "What it asks for, with reasons.").required(),
            Output::new("diff", "JSON", "What is added, removed, widened and raised.").required(),
            text("permissionHash", "What `approvePlugin` wants."),
            text("source", "Where it came from."),
            moment("stagedAt", "When it came.").required(),
        ],
    );
    outputs.object(
        "PluginVersion",
        "A version that was replaced.",
        vec![text("version", "The version."), moment("replacedAt", "When it was replaced.").required()],
    );
    outputs.object(
        "PluginUsage",
        "What a plugin used since this server started.",
        vec![
            number("calls", "Calls."),
            number("failures", "Calls that failed."),
            Output::new("breakerOpen", "Boolean", "It failed too often and is not called.").required(),
            Output::new("worlds", "PluginWorldUsage", "By world, beside the limits.").list(),
            Output::new("denials", "JSON", "Refused host calls by permission.").required(),
            number("droppedLogLines", "Lines beyond the limits of the log."),
            Output::new("metrics", "JSON", "What it counted and measured itself.").required(),
            Output::new("failuresLast", "PluginFailure", "The last failures, the newest first.").list(),
        ],
    );
    outputs.object(
        "PluginWorldUsage",
        "The calls of one world beside its limits.",
        vec![
            text("world", "The world."),
            number("calls", "Calls."),
            number("failures", "Calls that failed."),
            number("denied", "Calls that gave up after a refusal."),
            number("timeouts", "Calls that were ended by the clock."),
            figure("wallMsP50", "Half of the calls took at most this many milliseconds."),
            figure("wallMsP99", "99 of 100 calls took at most this many milliseconds."),
            number("wallMsLimit", "The limit."),
            number("cpuMsMax", "The most CPU time of a call, in milliseconds."),
            number("cpuMsLimit", "The limit."),
            number("memoryBytesMax", "The most memory of a call."),
            number("memoryBytesLimit", "The limit."),
            number("hostCallsMax", "The most host calls of a call."),
            number("hostCallsLimit", "The limit."),
        ],
    );
    outputs.object(
        "PluginFailure",
        "One failed call.",
        vec![
            moment("at", "When."),
            text("version", "The version that failed."),
            text("world", "The world."),
            text("function", "The function."),
            text("kind", "`trap`, `timeout`, `memory`, `denied`, `invalid-output` …"),
            text("detail", "What happened."),
        ],
    );
    outputs.object(
        "PluginNotice",
        "Something that happened to a plugin.",
        vec![
            text("kind", "`tripped`, `rolled-back`, `quarantined` or `denied`."),
            moment("at", "When.").required(),
            Output::new("detail", "JSON", "What happened.").required(),
        ],
    );
    outputs.object(
        "PluginShadowReports",
        "How a plugin in the shadow compares.",
        vec![Output::new("reports", "PluginShadowReport", "One for each active plugin that it ran beside.").list()],
    );
    outputs.object(
        "PluginShadowReport",
        "The comparison of two plugins on the same calls.",
        vec![
            text("active", "The plugin that served."),
            text("shadow", "The plugin in its shadow."),
            text("kind", "`ranking` or `moderation`."),
            moment("since", "When the first call was compared.").required(),
            moment("updatedAt", "When the last one was written down.").required(),
            Output::new("report", "JSON", "The figures and the calls that differ most, by ids.").required(),
        ],
    );
}

/// The status of one plugin.
///
/// # Errors
/// UNAUTHENTICATED, FORBIDDEN, NOT_FOUND.
pub async fn status(domains: &Domains, viewer: &Viewer, name: &str) -> Result<Json> {
    let overview = domains.plugins.overview(viewer, name).await?;
    let notices = domains.plugin_desk.notices().latest(Some(name), NOTICES).await?;
    let mut told = told(&overview);
    let notices = notices.iter().map(|n| json!({ "kind": n.kind, "at": n.at, "detail": n.detail })).collect();
    told.insert("notices".into(), Json::Array(notices));
    Ok(Json::Object(told))
}

/// The shadow reports of one plugin.
///
/// # Errors
/// UNAUTHENTICATED, FORBIDDEN, NOT_FOUND.
pub async fn shadow_report(domains: &Domains, viewer: &Viewer, name: &str) -> Result<Json> {
    let reports = domains.plugins.shadow_report(viewer, name).await?;
    Ok(json!({ "reports": reports }))
}

fn told(overview: &PluginOverview) -> Map<String, Json> {
    let (plugin, is) = (&overview.plugin, &overview.plugin.manifest);
    let staged = overview.staged.as_ref().map(|staged| {
        json!({
            "version": staged.version,
            "asks": staged.manifest.asks,
            "diff": staged.diff,
            "permissionHash": staged.manifest.permission_hash,
            "source": staged.source,
            "stagedAt": staged.staged_at,
        })
    });
    let consent = overview.consent.as_ref().map(|consent| {
        let by = consent.by.map(|id| id.with_prefix("user"));
        json!({ "by": by, "at": consent.at, "permissionHash": consent.permission_hash, "keyId": consent.key_id })
    });
    let config = serde_json::from_str::<Json>(&plugin.config).unwrap_or_default();
    let told = json!({
        "name": plugin.name,
        "version": plugin.version,
        "state": plugin.state.to_string(),
        "shadow": plugin.shadow,
        "summary": is.summary,
        "implements": is.implements,
        "asks": is.asks,
        "grants": plugin.grants,
        "permissionHash": is.permission_hash,
        "configSchema": is.config_schema,
        "config": config,
        "source": plugin.source,
        "fingerprint": is.signer.as_ref().map(|signer| signer.fingerprint()),
        "consent": consent,
        "secrets": overview.secrets,
        "staged": staged,
        "versions": overview.versions,
        "usage": used(&overview.usage),
    });
    match told {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// What a plugin used, as a JSON object of the shape of `PluginUsage`.
#[must_use]
pub fn used(usage: &Usage) -> Json {
    let recent: Vec<Json> = match usage.recent_failures.as_slice() {
        [] => usage.last_failure.iter().map(|failure| failed(None, failure)).collect(),
        some => some.iter().map(|(at, failure)| failed(Some(*at), failure)).collect(),
    };
    json!({
        "calls": usage.calls,
        "failures": usage.failures,
        "breakerOpen": usage.breaker_open,
        "worlds": usage.by_world.iter().map(world).collect::<Vec<_>>(),
        "denials": usage.denials,
        "droppedLogLines": usage.dropped_log_lines,
        "metrics": usage.metrics,
        "failuresLast": recent,
    })
}

/// Decimals are told as text.
fn world(usage: &WorldUsage) -> Json {
    let mut told = json!(usage);
    for (name, value) in [("wallMsP50", usage.wall_ms_p50), ("wallMsP99", usage.wall_ms_p99)] {
        told[name] = format!("{value:.3}").into();
    }
    told
}

fn failed(at: Option<Timestamp>, failure: &PluginFailure) -> Json {
    let mut told = json!(failure);
    told["at"] = json!(at);
    told
}

/// The selected fields of a value whose type is told in `outputs`.
///
/// # Errors
/// QUERY_TOO_COSTLY.
pub fn project(outputs: &Outputs, meter: &mut Meter, value: &Json, ty: &str, below: &Selections<'_>) -> Result<Json> {
    if !outputs.0.contains_key(ty) {
        return Ok(value.clone());
    }
    match value {
        Json::Array(items) => {
            items.iter().map(|item| project(outputs, meter, item, ty, below)).collect::<Result<_>>().map(Json::Array)
        }
        Json::Object(map) => {
            let mut out = Map::new();
            for selected in below.fields(&[ty])? {
                meter.field()?;
                let found = match outputs.field(ty, selected.name()) {
                    Some(output) => {
                        let inner = map.get(selected.name()).unwrap_or(&Json::Null);
                        project(outputs, meter, inner, &output.ty, &below.below(&selected))?
                    }
                    None => ty.into(),
                };
                out.insert(selected.key.to_owned(), found);
            }
            Ok(Json::Object(out))
        }
        _ => Ok(Json::Null),
    }
}
