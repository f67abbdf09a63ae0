//! `lyceum plugin inspect`: what a package is and asks for, to be read.

use lyceum_domain::{content::Moment, job::JobSpec, plugin::Inspection};

use super::owner::asks_as_text;
use crate::{StartError, cli::Global};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A file, https://…#sha256=…, oci://registry/repository:tag, or a name such
    /// as payment-sandbox.
    source: String,
    /// Prints all of it as JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(global: &Global, arguments: &Arguments) -> Result<(), StartError> {
    let package = super::fetched(&arguments.source, global.dev).await?.bytes;
    let is = super::inspection(&package)?;
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&is).map_err(|error| StartError::Other(error.to_string()))? + "\n",
        false => text(&is, package.len()),
    };
    super::super::print_all(&text)?;
    // Shown in any case: to see why it does not fit.
    super::additions::fits(global, &is)
}

/// One line a fact; what has several lines is set in.
fn text(is: &Inspection, bytes: usize) -> String {
    let lines = facts(is, bytes).into_iter().filter(|(_, text)| !text.is_empty());
    let line = |(label, text): (&str, String)| format!("{label:12} {}\n", text.replace('\n', "\n             "));
    lines.map(line).collect()
}

fn facts(is: &Inspection, bytes: usize) -> Vec<(&'static str, String)> {
    let summaries: Vec<String> = is.summary.iter().map(|(tag, text)| format!("{tag}: {text}")).collect();
    let asks = asks_as_text(&is.asks);
    let asks = asks.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
    let limits: Vec<String> = is.limits.iter().map(|(name, most)| format!("{name} {most}")).collect();
    let signer = is.signer.as_ref().map_or("nobody".into(), |by| format!("{} ({})", by.fingerprint(), by.key_id));
    vec![
        ("plugin", format!("{} {}", is.id, is.version)),
        ("licence", is.license.clone()),
        ("summary", summaries.join("\n")),
        ("implements", is.implements.join("\n")),
        ("asks for", if asks.is_empty() { "nothing".into() } else { asks }),
        ("more than", limits.join("\n")),
        ("hooks", hooks(is)),
        ("jobs", is.extends.jobs.iter().map(job).collect::<Vec<_>>().join("\n")),
        ("adds to API", is.extends.sdl.as_deref().unwrap_or_default().trim().to_owned()),
        ("config", if is.config_schema.is_some() { "has a schema: see --json".into() } else { String::new() }),
        ("size", format!("{bytes} bytes")),
        ("component", format!("sha256 {}", is.digest)),
        ("permissions", format!("sha256 {}", is.permission_hash)),
        ("signed by", signer),
    ]
}

fn hooks(is: &Inspection) -> String {
    let Some(hooks) = &is.extends.hooks else { return String::new() };
    let words = |moments: &[Moment]| moments.iter().map(|moment| moment.name()).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    for (when, moments) in [("before", &hooks.before), ("after", &hooks.after)] {
        if !moments.is_empty() {
            lines.push(format!("{when} {} of {}", words(moments), hooks.types.join(", ")));
        }
    }
    if hooks.guard {
        lines.push("a change is refused when it fails".into());
    }
    lines.join("\n")
}

fn job(job: &JobSpec) -> String {
    let every = job.every.map_or("when it is queued".into(), |every| format!("every {} min", every.as_secs() / 60));
    let summary = job.summary.get("en").or_else(|| job.summary.values().next()).cloned().unwrap_or_default();
    format!("{} {every}{}{summary}", job.name, if summary.is_empty() { "" } else { ": " })
}

#[cfg(test)]
mod tests {
    use lyceum_domain::plugin::{Extends, Grants, HooksAsked, Permission};

    use super::*;

    #[test]
    fn an_inspection_is_read_line_by_line() {
        let kv = Permission { quota_bytes: Some(1024), reason: "Remembers.".into(), ..Permission::default() };
        let hooks = HooksAsked {
            before: vec![Moment::Create, Moment::Update],
            types: vec!["course".into()],
            ..HooksAsked::default()
        };
        let is = Inspection {
            id: "acme/slug".into(),
            version: "1.2.0".into(),
            license: "MIT".into(),
            summary: [("en".to_owned(), "Makes slugs".to_owned()), ("zh".to_owned(), "生成短名".to_owned())].into(),
            asks: Grants([("kv".to_owned(), kv)].into()),
            extends: Extends { hooks: Some(hooks), ..Extends::default() },
            digest: "ab".into(),
            permission_hash: "cd".into(),
            ..Inspection::default()
        };
        let expected = "plugin       acme/slug 1.2.0\nlicence      MIT\nsummary      en: Makes slugs\n             zh: 生成短名\n\
                        asks for     kv  1024 bytes\n                 “Remembers.”\nhooks        before create, update of course\n\
                        size         7 bytes\ncomponent    sha256 ab\npermissions  sha256 cd\nsigned by    nobody\n";
        assert_eq!(text(&is, 7), expected);
    }
}
