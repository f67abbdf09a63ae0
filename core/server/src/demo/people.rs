//! The admin of the demo, and those who comment.

use std::path::Path;

use lyceum_domain::identity::{Actor, CreateUser, Password, Peer, RegisterInput};
use lyceum_kernel::{ErrorCode, Failure, Id, Locale, Viewer};
use lyceum_store::failed;
use sea_orm::{ConnectionTrait as _, Statement};

use crate::{StartError, app::App, commands::user::generated, keys::private_directory, operator::operator, replace};

pub(crate) const ADMIN_EMAIL: &str = "admin@demo.example";

/// The admin, with the password as far as it is known.
pub(crate) struct Admin {
    pub user: Id,
    pub password: Option<String>,
}

/// Makes the admin at the first start. The password is kept in a private file,
/// so that the next start can tell it again.
pub(super) async fn admin(app: &App, data_dir: &Path, password: Option<String>) -> Result<Admin, StartError> {
    let file = data_dir.join("secrets").join("demo-admin-password");
    let identity = &app.domains().identity;
    if let Some(user) = user(app, ADMIN_EMAIL).await? {
        // A start that was cut off may have left this undone.
        identity.take_as_proven(Actor::System, user).await?;
        return Ok(Admin { user, password: std::fs::read_to_string(file).ok() });
    }
    let password = password.unwrap_or_else(generated);
    let input = CreateUser {
        email: ADMIN_EMAIL.to_owned(),
        password: Password::new(&password),
        name: "Lyceum".to_owned(),
        locale: app.domains().locales.default_locale().clone(),
        roles: vec!["admin".to_owned()],
    };
    // The file first: an admin whose password nobody knows is of no use.
    keep(&file, &password).map_err(StartError::io(file.display().to_string()))?;
    let user = identity.create_user(Actor::System, input).await?;
    identity.take_as_proven(Actor::System, user).await?;
    Ok(Admin { user, password: Some(password) })
}

fn keep(file: &Path, password: &str) -> std::io::Result<()> {
    // There is no such directory yet where all keys are configured.
    file.parent().map_or(Ok(()), private_directory)?;
    replace::replace(file, password)
}

async fn user(app: &App, email: &str) -> Result<Option<Id>, Failure> {
    let database = &app.domains().database;
    let sql = "SELECT id FROM user_account WHERE email = $1";
    let statement = Statement::from_sql_and_values(database.dialect().backend(), sql, [email.into()]);
    let row = database.reader().query_one_raw(statement).await.map_err(failed)?;
    row.map(|row| row.try_get::<String>("", "id").map_err(failed)?.parse().map_err(Failure::internal)).transpose()
}

/// Somebody who comments; registered unless they are there already.
pub(super) async fn member(app: &App, number: usize, name: &str, locale: &Locale) -> Result<Viewer, Failure> {
    let identity = &app.domains().identity;
    let email = format!("member-{number}@demo.example");
    let input = RegisterInput {
        email: email.clone(),
        password: Password::new(&generated()),
        name: name.to_owned(),
        locale: locale.clone(),
    };
    let member = match identity.register(input, &Peer::default()).await {
        Ok(signed_in) => signed_in.user,
        Err(failure) if failure.code() == ErrorCode::Conflict => user(app, &email).await?.ok_or(failure)?,
        Err(failure) => return Err(failure),
    };
    identity.take_as_proven(Actor::System, member).await?;
    Ok(operator(Some(member)))
}
