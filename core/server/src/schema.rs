//! Content types: files against the database.

use std::path::Path;

use lyceum_graphql::Clash;
use lyceum_kernel::{ErrorCode, Failure, Locales};
use lyceum_model::{
    TypeModel,
    content::{self, ContentType},
};
use lyceum_store::{
    Database,
    schema::{self, Apply, Proposal, Taken},
};

use crate::{StartError, config::Content};

/// The content types of the files: the built-in ones, and those of the
/// configured directory.
pub(crate) fn wanted(config: &Content) -> Result<Vec<ContentType>, StartError> {
    let mut files: Vec<(String, String)> =
        content::BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    if let Some(directory) = &config.dir {
        for (name, text) in read(directory)? {
            files.retain(|(known, _)| *known != name);
            files.push((name, text));
        }
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let types = content::parse(&files).map_err(|error| StartError::ContentTypes(error.to_string()))?;
    refuse_clashes(&files, &types)?;
    Ok(types)
}

/// Refuses names that the API would have twice, each with its file and field.
fn refuse_clashes(files: &[(&str, &str)], types: &[ContentType]) -> Result<(), StartError> {
    let line = |clash: &Clash| {
        let place = types.iter().position(|own| own.name == clash.type_name);
        let file = place.map_or(clash.type_name.as_str(), |place| files[place].0);
        let at = clash.field.as_ref().map(|field| format!("field \"{field}\": ")).unwrap_or_default();
        format!("{file}: {at}{}", clash.message)
    };
    let lines: Vec<String> = lyceum_graphql::clashes(types).iter().map(line).collect();
    if lines.is_empty() { Ok(()) } else { Err(StartError::ContentTypes(lines.join("\n"))) }
}

/// What the files need: names that nothing else in the database has, and an API
/// that can be made of them.
///
/// # Errors
/// With the type and field of each name that is taken.
pub(crate) async fn check(database: &Database, types: &[ContentType]) -> Result<(), StartError> {
    let line = |taken: &Taken| {
        let at = taken.field.as_ref().map(|field| format!("field \"{field}\": ")).unwrap_or_default();
        format!(
            "type \"{}\": {at}the database has another table or index \"{}\" already; choose another name",
            taken.type_name, taken.name
        )
    };
    let lines: Vec<String> = schema::taken(database, types).await?.iter().map(line).collect();
    if !lines.is_empty() {
        return Err(StartError::ContentTypes(lines.join("\n")));
    }
    let made = lyceum_graphql::sdl(&model(types)?);
    made.map(drop).map_err(|failure| StartError::ContentTypes(format!("the API cannot be made: {failure:?}")))
}

fn read(directory: &Path) -> Result<Vec<(String, String)>, StartError> {
    let failed = || StartError::io(format!("the content types in {} cannot be read", directory.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| name.ends_with(".toml")) else {
            continue;
        };
        files.push((name.to_owned(), std::fs::read_to_string(&path).map_err(failed())?));
    }
    files.sort();
    Ok(files)
}

/// The whole type model.
pub(crate) fn model(types: &[ContentType]) -> Result<TypeModel, StartError> {
    lyceum_domain::types::model(content::resolve(types)).map_err(|error| StartError::ContentTypes(error.to_string()))
}

/// Makes the tables fit at start: on an empty database, and in development
/// mode where nothing is lost. Otherwise a difference is an error.
pub(crate) async fn prepare(
    database: &Database,
    types: &[ContentType],
    locales: &Locales,
    dev: bool,
) -> Result<(), StartError> {
    let Proposal { plan, drift } = schema::plan(database, types).await?;
    for drift in drift.iter().filter(|_| !plan.applied.is_empty()) {
        tracing::warn!("the tables differ from what was applied: {drift}");
    }
    if plan.is_empty() {
        return Ok(());
    }
    let allowed = plan.applied.is_empty() || (dev && !plan.is_destructive());
    if !allowed {
        return Err(pending(&plan));
    }
    check(database, types).await?;
    let how = Apply { allow_destructive: false, default_locale: locales.default_locale().clone() };
    match schema::apply(database, &plan, &how).await {
        Ok(steps) => {
            steps.iter().for_each(|step| tracing::info!("schema: {step}"));
            Ok(())
        }
        Err(failure) if failure.code() == ErrorCode::InvalidState => done_by_another(database, types, failure).await,
        Err(failure) => Err(failure.into()),
    }
}

/// Of several nodes that start at once one is first: then nothing is left to do.
async fn done_by_another(database: &Database, types: &[ContentType], failure: Failure) -> Result<(), StartError> {
    let Proposal { plan, .. } = schema::plan(database, types).await?;
    if plan.is_empty() { Ok(()) } else { Err(failure.into()) }
}

fn pending(plan: &lyceum_model::plan::Plan) -> StartError {
    let advice = match plan.is_destructive() {
        true => "Some steps lose data. Read `lyceum schema plan`, then run `lyceum schema apply --allow-destructive`.",
        false => "Run `lyceum schema apply`, or start with --dev to have such changes applied at start.",
    };
    StartError::SchemaPending { plan: plan.to_string(), advice }
}
