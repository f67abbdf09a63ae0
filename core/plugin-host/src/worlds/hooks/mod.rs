//! Hooks around changes of content. A fresh instance for each call: one
//! author's draft can leave nothing behind for the next.
//!
//! **Invariant:** a plugin is called only for the moments and types that its
//! manifest names, which the owner saw.

mod after;
mod before;
mod shapes;

pub(crate) use after::PluginAfterHook;
pub(crate) use before::PluginBeforeHook;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use before::checked;
