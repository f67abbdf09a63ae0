//! The demo community: what `lyceum demo` puts into its data directory.
//!
//! **Invariant:** safe to repeat: what is there is left as it is, and a start
//! that was cut off is completed by the next one.

mod comments;
mod gateway;
mod people;
mod plugins;
mod tiers;

use std::path::Path;

use lyceum_domain::transfer::Import;
use lyceum_kernel::Viewer;

pub(crate) use gateway::{ACCOUNT, Gateway, PROVIDER};
pub(crate) use people::{ADMIN_EMAIL, Admin};

use crate::{StartError, app::App, operator::operator};

/// The content, in the order in which it must be read.
const CONTENT: [(&str, &str); 4] = [
    ("category", include_str!("../../../../examples/demo/categories.jsonl")),
    ("tag", include_str!("../../../../examples/demo/tags.jsonl")),
    ("article", include_str!("../../../../examples/demo/articles.jsonl")),
    ("course", include_str!("../../../../examples/demo/courses.jsonl")),
];

/// Fills the community where it is not filled yet.
pub(crate) async fn fill(
    app: &App,
    data_dir: &Path,
    gateway: &Gateway,
    password: Option<String>,
) -> Result<Admin, StartError> {
    let admin = people::admin(app, data_dir, password).await?;
    let viewer = operator(Some(admin.user));
    plugins::install(app, &viewer, gateway).await?;
    let done = data_dir.join("demo-filled");
    if done.exists() {
        return Ok(admin);
    }
    tiers::create(app, &viewer).await?;
    content(app, &viewer).await?;
    comments::add(app).await?;
    std::fs::write(&done, "The demo community was filled. Delete the directory to begin anew.\n")
        .map_err(StartError::io(done.display().to_string()))?;
    Ok(admin)
}

async fn content(app: &App, viewer: &Viewer) -> Result<(), StartError> {
    let import = Import::new(app.domains().contents.clone());
    for (name, lines) in CONTENT {
        let report = import.run(viewer, lines.as_bytes(), name, None, |_| ()).await?;
        for rejected in &report.rejected {
            tracing::error!(name, line = rejected.line, path = rejected.path, reason = rejected.reason, "demo content");
        }
        tracing::info!(created = report.created, updated = report.updated, "demo: {name}");
    }
    Ok(())
}
