//! `lyceum serve`

use std::sync::Arc;

use lyceum_kernel::SystemClock;

use crate::{
    StartError,
    app::App,
    cli::Global,
    serve::{Stop, listen, serve},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The address to listen on [default: 127.0.0.1].
    #[arg(long)]
    host: Option<String>,
    /// The port to listen on; 0 takes a free one [default: 8080].
    #[arg(long)]
    port: Option<u16>,
    /// How clients and payment providers reach this server.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

pub async fn run(global: &Global, arguments: Arguments) -> Result<(), StartError> {
    let mut flags = Vec::new();
    flags.extend(arguments.host.map(|value| ("server.host", value)));
    flags.extend(arguments.port.map(|value| ("server.port", value.to_string())));
    flags.extend(arguments.public_url.map(|value| ("server.public_url", value)));
    let mut config = global.read(flags)?;
    config.server.check_exposure(config.dev)?;
    let (listener, address) = listen(&config.server.host, config.server.port).await?;
    // With port 0 the address is known only now, and providers are told it.
    config.server.port = address.port();
    let app = App::open(&config, Arc::new(SystemClock)).await?;
    let url = config.public_url();
    tracing::info!(%address, "ready");
    println!("Lyceum is ready at {url}/ (GraphQL at {url}/graphql)");
    serve(&app, listener, &Stop::at_signal(), config.server.shutdown).await
}
