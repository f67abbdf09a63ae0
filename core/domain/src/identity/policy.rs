//! May this actor do that to accounts and roles?

use lyceum_kernel::{Action, ErrorCode, Failure, Id, Result};

use super::model::Actor;

impl Actor<'_> {
    pub(super) fn id(&self) -> Option<Id> {
        match self {
            Self::Viewer(viewer) => viewer.user,
            Self::System => None,
        }
    }

    fn may(&self, subject: &str, action: Action) -> Result<()> {
        match self {
            Self::System => Ok(()),
            Self::Viewer(viewer) if viewer.may(subject, action) => Ok(()),
            Self::Viewer(viewer) if viewer.user.is_none() => {
                Err(Failure::new(ErrorCode::Unauthenticated, "Sign in first."))
            }
            Self::Viewer(_) => Err(Failure::new(ErrorCode::Forbidden, "You may not do this.")),
        }
    }

    pub(super) fn may_create_users(&self) -> Result<()> {
        self.may("user", Action::Create)
    }

    pub(super) fn may_manage_users(&self) -> Result<()> {
        self.may("user", Action::Manage)
    }

    /// Whoever gives roles can give themselves every right.
    pub(super) fn may_manage_roles(&self) -> Result<()> {
        self.may("role", Action::Manage)
    }
}
