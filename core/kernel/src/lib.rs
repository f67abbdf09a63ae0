//! The words every other crate speaks: ids, money, time, locales, the viewer,
//! rules, error codes and events.
//!
//! **Invariant:** nothing in here does I/O or knows a framework.

mod error;
mod event;
mod id;
pub mod json;
mod locale;
mod money;
pub mod text;
mod time;
mod viewer;

pub use error::{ErrorCode, Failure, Result};
pub use event::Event;
pub use id::{GlobalId, Id, IdError};
pub use locale::{Locale, LocaleError, Locales};
pub use money::{Currency, Money, MoneyError};
pub use time::{Clock, ManualClock, NotAMoment, SystemClock, Timestamp};
pub use viewer::{Action, RowScope, Rule, Rules, Viewer};
