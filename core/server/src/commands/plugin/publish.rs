//! `lyceum plugin publish`: a signed package goes to a registry.

use std::{collections::BTreeMap, fs, io::Read as _, path::PathBuf};

use lyceum_domain::plugin::Inspection;
use lyceum_plugin_host::package::Archive;
use semver::Version;

use super::{inspection, pack::report};
use crate::{
    StartError,
    cli::Global,
    plugin_source::{
        Source,
        oci::{Account, Blob, Manifest, Reference, of_archive, push},
        sha256,
    },
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The signed package.
    package: PathBuf,
    /// oci://registry/repository:tag. Without a tag, the plugin's version.
    reference: String,
    /// Checks, and shows what would be sent. Sends nothing.
    #[arg(long)]
    dry_run: bool,
    /// The account at the registry; its password is read from standard input.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
}

pub async fn run(global: &Global, arguments: &Arguments) -> Result<(), StartError> {
    let path = &arguments.package;
    let bytes = fs::read(path).map_err(StartError::io(path.display().to_string()))?;
    let is = inspection(&bytes)?;
    let archive = Archive::read(&bytes).map_err(StartError::Other)?;
    let problems = problems(&is);
    if !problems.is_empty() {
        return Err(StartError::Other(format!(
            "{} is not fit to be published:\n  - {}",
            is.id,
            problems.join("\n  - ")
        )));
    }
    let reference = reference(&arguments.reference, &is)?;
    let (manifest, blobs) = of_archive(&archive, annotations(&is)).map_err(told)?;
    print!("{}", report(&archive, &is, &bytes));
    print!("{}", preview(&reference, &manifest, &blobs));
    if arguments.dry_run {
        println!("Nothing was sent.");
        return Ok(());
    }
    let exact = push(&reference, &manifest, &blobs, account(arguments)?, global.dev).await.map_err(told)?;
    println!("published {exact}");
    Ok(())
}

fn told(error: crate::plugin_source::SourceError) -> StartError {
    StartError::Other(error.to_string())
}

/// What an owner would miss. The host's own checks were made when it was read.
fn problems(is: &Inspection) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |holds: bool, problem: String| {
        if !holds {
            found.push(problem);
        }
    };
    check(is.signer.is_some(), "it is not signed: lyceum plugin sign".into());
    check(!is.license.trim().is_empty(), "`plugin.license` is empty: name the licence (SPDX)".into());
    for language in ["en", "zh"] {
        let there = is.summary.get(language).is_some_and(|text| !text.trim().is_empty());
        check(there, format!("`store.summary.{language}` is missing: say in a sentence what it does"));
    }
    for name in &is.implements {
        let version = name.rsplit('@').next().and_then(|text| Version::parse(text).ok());
        let released = version.is_some_and(|version| version.pre.is_empty() && version.major > 0);
        check(released, format!("it implements `{name}`, which is not released: build it for a released one"));
    }
    for (name, ask) in is.asks.0.iter().filter(|(_, ask)| ask.reason.trim().is_empty()) {
        let section = if ask.limits.is_empty() { format!("permissions.{name}") } else { "limits".into() };
        check(false, format!("`[{section}]` has no reason: owners read it before they grant"));
    }
    found
}

fn reference(text: &str, is: &Inspection) -> Result<Reference, StartError> {
    let tail = text.rsplit('/').next().unwrap_or_default();
    // A tag has no `+`.
    let tagged =
        if tail.contains([':', '@']) { text.to_owned() } else { format!("{text}:{}", is.version.replace('+', "_")) };
    match Source::parse(&tagged).map_err(told)? {
        Source::Oci(Reference { sha256: Some(_), .. }) => {
            Err(StartError::Other(format!("{text}: name a tag to publish it under, not a digest")))
        }
        Source::Oci(reference) => Ok(reference),
        _ => Err(StartError::Other(format!("{text}: write oci://registry/repository:tag"))),
    }
}

fn annotations(is: &Inspection) -> BTreeMap<String, String> {
    let of = |name: &str, value: &str| (format!("org.opencontainers.image.{name}"), value.to_owned());
    let description = is.summary.get("en").cloned().unwrap_or_default();
    [of("title", &is.id), of("version", &is.version), of("licenses", &is.license), of("description", &description)]
        .into()
}

fn preview(reference: &Reference, manifest: &Manifest, blobs: &[Blob]) -> String {
    let bytes = manifest.to_bytes();
    let total: usize = blobs.iter().map(|blob| blob.bytes.len()).sum();
    format!(
        "{reference}\nmanifest sha256:{} with {} blobs, {total} B\n{}\n",
        sha256(&bytes),
        blobs.len(),
        String::from_utf8_lossy(&bytes)
    )
}

fn account(arguments: &Arguments) -> Result<Option<Account>, StartError> {
    let Some(name) = arguments.username.clone() else { return Ok(None) };
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).map_err(StartError::io("the password cannot be read"))?;
    Ok(Some(Account { name, password: password.trim_end_matches(['\n', '\r']).to_owned() }))
}
