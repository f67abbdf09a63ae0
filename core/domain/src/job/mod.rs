//! Jobs: work that plugins do in the background, on a schedule or queued by
//! the owner, in steps that survive a crash.
//!
//! **Invariant:** the resume token moves only with a finished step, in the one
//! statement that notes its end. A step that was cut off runs again.
//! **Invariant:** a run is in the hands of one worker at a time, of however
//! many processes; a lease that is not renewed ends.
//! **Invariant:** a schedule has at most one run that is not finished. What
//! was missed is not made up for.
//!
//! Absent on purpose: order between runs. Two runs of one job may overlap
//! when one is scheduled and the other queued.

mod model;
mod port;
mod rows;
mod service;
mod worker;

pub use model::{Ended, QueueJob, Run};
pub use port::*;
pub use service::Jobs;
pub use worker::SLOTS;
