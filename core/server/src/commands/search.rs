//! `lyceum search reindex`

use std::sync::Arc;

use lyceum_kernel::SystemClock;

use crate::{StartError, app::App, cli::Global, progress};

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Empties the index and fills it from the database. With the embedded
    /// engine the server must not run.
    Reindex,
}

pub async fn run(global: &Global, Action::Reindex: Action) -> Result<(), StartError> {
    let config = global.read(Vec::new())?;
    let app = App::open(&config, Arc::new(SystemClock)).await?;
    let bar = progress::things(total(&app).await);
    bar.set_message("entries");
    let done = app.domains().search.reindex(|progress| bar.set_position(progress.done)).await;
    let done = done.map_err(|failure| StartError::Search(format!("{failure:?}")))?;
    bar.finish_and_clear();
    println!("{done} entries are in the index");
    Ok(())
}

/// How many entries there are, as far as it can be told cheaply.
async fn total(app: &App) -> Option<u64> {
    use sea_orm::{ConnectionTrait as _, Statement};
    let database = &app.domains().database;
    let mut total = 0;
    for kind in lyceum_domain::search::KINDS {
        let table = &app.domains().model.get(kind)?.table;
        let sql = format!("SELECT COUNT(*) AS n FROM {table} WHERE status = 'published'");
        let statement = Statement::from_string(database.dialect().backend(), sql);
        let row = database.reader().query_one_raw(statement).await.ok()??;
        total += u64::try_from(row.try_get::<i64>("", "n").ok()?).ok()?;
    }
    Some(total)
}
