//! Whether what a plugin adds to the API fits, for its author: beside no other
//! plugin, with the content types of the configuration.

use std::sync::Arc;

use lyceum_domain::plugin::{Addition, AdditionCheck as _, Inspection};
use lyceum_graphql::FieldCheck;

use crate::{StartError, cli::Global, schema};

/// What does not fit, if something does not.
///
/// # Errors
/// The content types cannot be read.
pub(super) fn misfit(global: &Global, is: &Inspection) -> Result<Option<String>, StartError> {
    let Some(addition) = Addition::of(is) else { return Ok(None) };
    let content = global.read(Vec::new())?.content;
    let model = schema::model(&schema::wanted(&content)?)?;
    let Err(why) = FieldCheck::new(Arc::new(model)).fits(&addition, &[]) else { return Ok(None) };
    let built_in = match content.dir {
        Some(_) => "",
        None => " It was compared with the built-in content types; with --config it is with those of a server.",
    };
    Ok(Some(Addition::misfit(is, &why).detail + built_in))
}

/// As [`misfit`], which is an error then.
pub(super) fn fits(global: &Global, is: &Inspection) -> Result<(), StartError> {
    misfit(global, is)?.map_or(Ok(()), |why| Err(StartError::Other(why)))
}
