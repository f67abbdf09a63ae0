//! `lyceum user create`

use std::io::{BufRead as _, IsTerminal as _};

use lyceum_domain::identity::{Actor, CreateUser, Password};
use rand::seq::IndexedRandom as _;

use super::open;
use crate::{StartError, cli::Global};

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Makes an account. The password is read from standard input.
    Create(Create),
}

#[derive(Debug, clap::Args)]
pub struct Create {
    #[arg(long)]
    email: String,
    /// What others see.
    #[arg(long)]
    name: String,
    /// A role, such as admin, editor or author; more than once for more.
    #[arg(long = "role")]
    roles: Vec<String>,
    /// Reads the password from the first line of standard input, without a prompt.
    #[arg(long, conflicts_with = "generate_password")]
    password_stdin: bool,
    /// Makes a password and prints it.
    #[arg(long)]
    generate_password: bool,
}

pub async fn run(global: &Global, Action::Create(create): Action) -> Result<(), StartError> {
    let app = open(global).await?;
    let password = if create.generate_password { generated() } else { typed(create.password_stdin)? };
    let input = CreateUser {
        email: create.email.clone(),
        password: Password::new(&password),
        name: create.name,
        locale: app.domains().locales.default_locale().clone(),
        roles: create.roles,
    };
    let user = app.domains().identity.create_user(Actor::System, input).await;
    let user = user.map_err(|failure| StartError::Other(failure.message().to_owned()))?;
    println!("{} {}", user.with_prefix("user"), create.email);
    if create.generate_password {
        println!("password: {password}");
    }
    Ok(())
}

fn typed(quiet: bool) -> Result<String, StartError> {
    if !quiet && std::io::stdin().is_terminal() {
        eprint!("Password (it is shown while you type): ");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(StartError::io("the password cannot be read"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// 20 characters that are not mistaken for each other: 99 bits.
pub(crate) fn generated() -> String {
    const LETTERS: &[u8; 31] = b"abcdefghijkmnpqrstuvwxyz2345679";
    let mut rng = rand::rng();
    (0..20).filter_map(|_| LETTERS.choose(&mut rng)).map(|byte| char::from(*byte)).collect()
}
