//! `lyceum schema plan | apply | print`

use std::sync::Arc;

use lyceum_kernel::SystemClock;
use lyceum_store::schema::{self, Apply, Proposal};

use crate::{
    StartError,
    app::{connect, prepare_directory},
    cli::Global,
    schema::{check, wanted},
};

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Shows what leads from the database to the files, and drift. Changes no content table.
    Plan,
    /// Carries the plan out.
    Apply {
        /// Allows steps that lose data.
        #[arg(long)]
        allow_destructive: bool,
    },
    /// Prints the GraphQL schema of the files.
    Print,
}

pub async fn run(global: &Global, action: Action) -> Result<(), StartError> {
    let config = global.read(Vec::new())?;
    let types = wanted(&config.content)?;
    if let Action::Print = action {
        let model = crate::schema::model(&types)?;
        return super::print_all(&lyceum_graphql::sdl(&model)?);
    }
    prepare_directory(&config.data_dir)?;
    let database = connect(&config, Arc::new(SystemClock)).await?;
    check(&database, &types).await?;
    let Proposal { plan, drift } = schema::plan(&database, &types).await?;
    for drift in &drift {
        println!("{drift}");
    }
    if plan.is_empty() {
        println!("The content types in the database are those of the files.");
        return Ok(());
    }
    if let Action::Apply { allow_destructive } = action {
        let how = Apply { allow_destructive, default_locale: config.locales.default_locale().clone() };
        for step in schema::apply(&database, &plan, &how)
            .await
            .map_err(|failure| StartError::Other(failure.message().to_owned()))?
        {
            println!("{step}");
        }
        println!("Applied.");
    } else {
        println!("{plan}");
    }
    Ok(())
}
