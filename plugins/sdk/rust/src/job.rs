//! The world `job`: work in the background, in steps.

use crate::host::{Error, Host, Wasm};

#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        inline: "
            package lyceum:guest-job;
            world job-plugin { export lyceum:job/job@1.0.0; }
        ",
        path: ["../../../schema/wit/types/1.0.0", "../../../schema/wit/host/1.0.0", "../../../schema/wit/job/1.0.0"],
        world: "lyceum:guest-job/job-plugin",
        with: { "lyceum:types/common@1.0.0": crate::host::bindings::lyceum::types::common },
        pub_export_macro: true,
        export_macro_name: "export_world",
        default_bindings_module: "lyceum_sdk::job::bindings",
    });
}

pub use bindings::exports::lyceum::job::job::{Input, Outcome};

/// Jobs; their names and schedules stand in the manifest.
pub trait Job {
    /// Does one step. A step may be run twice.
    ///
    /// # Errors
    /// The step is tried again when the error is worth it.
    fn run(host: &impl Host, input: &Input, resume: Option<&str>) -> Result<Outcome, Error>;
}

impl Outcome {
    /// The run is over.
    #[must_use]
    pub fn done() -> Self {
        Self { state: "done".into(), resume: None, wait_s: None, progress: None, report: None }
    }

    /// There is more to do, from here on.
    #[must_use]
    pub fn more(resume: impl Into<String>) -> Self {
        Self { state: "continue".into(), resume: Some(resume.into()), ..Self::done() }
    }

    /// With a word for the owner, as JSON text.
    #[must_use]
    pub fn reporting(self, report: impl Into<String>) -> Self {
        Self { report: Some(report.into()), ..self }
    }
}

/// Stands between the bindings and [`Job`].
#[doc(hidden)]
pub struct Adapter<T>(core::marker::PhantomData<T>);

impl<T: Job> bindings::exports::lyceum::job::job::Guest for Adapter<T> {
    fn run(i: Input, resume: Option<String>) -> Result<Outcome, Error> {
        T::run(&Wasm, &i, resume.as_deref())
    }
}

/// Exports a type that is a [`Job`](crate::job::Job) and embeds its manifest; the path is
/// relative to the calling file. A plugin that exports more than one world
/// embeds its manifest once.
#[macro_export]
macro_rules! export_job {
    ($plugin:ty, manifest: $manifest:literal) => {
        $crate::embed_manifest!($manifest);
        $crate::export_job!($plugin);
    };
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedJob = $crate::job::Adapter<$plugin>;
        #[cfg(target_family = "wasm")]
        $crate::job::bindings::export_world!(ExportedJob with_types_in $crate::job::bindings);
    };
}
