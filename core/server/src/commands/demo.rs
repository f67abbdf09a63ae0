//! `lyceum demo`

use std::sync::Arc;

use lyceum_kernel::SystemClock;

use crate::{
    StartError,
    app::App,
    cli::Global,
    config::{Config, PaymentAccount},
    demo::{self, ACCOUNT, ADMIN_EMAIL, Admin, Gateway, PROVIDER},
    serve::{Stop, listen, serve},
    transport::Transport,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The port to listen on; 0 takes a free one [default: 8080].
    #[arg(long)]
    port: Option<u16>,
    /// The port of the sandbox payment gateway [default: 8092, or a free one with --port 0].
    #[arg(long)]
    gateway_port: Option<u16>,
    /// The admin's password at the first start; without it one is made and printed.
    #[arg(long, value_name = "PASSWORD")]
    admin_password: Option<String>,
}

pub async fn run(global: &Global, arguments: Arguments) -> Result<(), StartError> {
    let mut config = configuration(global, arguments.port)?;
    let clock = Arc::new(SystemClock);
    config.server.check_exposure(config.dev)?;
    let (listener, address) = listen(&config.server.host, config.server.port).await?;
    let default_gateway = if config.server.port == 0 { 0 } else { 8092 };
    config.server.port = address.port();
    let gateway = Gateway::listen(arguments.gateway_port.unwrap_or(default_gateway), clock.clone()).await?;
    config.payments.accounts = vec![account(&gateway)];
    let app = App::open(&config, clock).await?;
    let admin = demo::fill(&app, &config.data_dir, &gateway, arguments.admin_password).await?;
    welcome(&config, &gateway, &admin);
    let (stop, patience) = (Stop::at_signal(), config.server.shutdown);
    let Gateway { router, listener: gateway_listener, .. } = gateway;
    let gateway = Transport::local();
    let (served, ()) =
        tokio::join!(serve(&app, listener, &stop, patience), gateway.serve(router, gateway_listener, &stop, patience),);
    served
}

fn configuration(global: &Global, port: Option<u16>) -> Result<Config, StartError> {
    let mut flags = vec![("dev", "true".to_owned())];
    if std::env::var_os("LYCEUM_DATA_DIR").is_none() {
        flags.push(("data_dir", "lyceum-data/demo".to_owned()));
    }
    if std::env::var_os("LYCEUM_LOG_FILTER").is_none() {
        flags.push(("log.filter", "warn".to_owned()));
    }
    flags.extend(port.map(|port| ("server.port", port.to_string())));
    global.read(flags)
}

fn account(gateway: &Gateway) -> PaymentAccount {
    PaymentAccount {
        provider: PROVIDER.to_owned(),
        account: ACCOUNT.to_owned(),
        live: false,
        settings: [("gateway-url".to_owned(), gateway.origin.clone())].into(),
    }
}

/// Where to click.
fn welcome(config: &Config, gateway: &Gateway, admin: &Admin) {
    let url = config.public_url();
    let password = admin.password.as_deref().unwrap_or("as at the first start");
    println!("\nLyceum, demo community in {}\n", config.data_dir.display());
    println!("  GraphQL IDE        {url}/");
    println!("  GraphQL endpoint   {url}/graphql");
    println!("  Payment gateway    {} (sandbox: no money moves)", gateway.origin);
    println!("  Admin              {ADMIN_EMAIL}");
    println!("  Password           {password}");
    println!("\nTry:\n  curl -s {url}/graphql -H 'content-type: application/json' \\");
    println!(
        "    -d '{{\"query\":\"{{ courses(first: 3) {{ nodes {{ slug title access {{ granted reason }} }} }} }}\"}}'"
    );
    println!("\nStop with Ctrl-C. Everything is kept for the next start.\n");
}
