//! The table of all keys.

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `section.key`, or a key of the top level.
    pub name: &'static str,
    /// As in TOML; `""` where the meaning says what an empty text does.
    pub default: &'static str,
    pub meaning: &'static str,
}

impl Key {
    /// The environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("LYCEUM_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, default, meaning }
}

/// Every key, in the order of the documentation.
pub const KEYS: &[Key] = &[
    key("data_dir", r#""lyceum-data""#, "Where SQLite, the search index, compiled plugins and the token key lie."),
    key(
        "dev",
        "false",
        "Development mode: schema changes that lose nothing are applied at start, and answers tell their SQL. Not for production.",
    ),
    key(
        "dev_public",
        "false",
        "Lets development mode listen on an address that other machines reach (`--dev-public`). They see the SQL of answers; only for a network that you trust.",
    ),
    key(
        "locales",
        r#"["en", "zh-CN"]"#,
        "The languages of the content, in fallback order. The first is the default. In the environment: separated by commas.",
    ),
    key("server.host", r#""127.0.0.1""#, "The address to listen on. `0.0.0.0` listens on all."),
    key("server.port", "8080", "The port to listen on. 0 takes a free one and tells which."),
    key(
        "server.public_url",
        r#""""#,
        "How clients and payment providers reach this server. Empty: `http://host:port`, or `https://` with a certificate.",
    ),
    key("server.shutdown_seconds", "10", "How long running requests may finish after SIGTERM or SIGINT. 0 to 600."),
    key(
        "server.trusted_proxies",
        "[]",
        "Addresses and networks of proxies, such as `127.0.0.1` or `10.0.0.0/8`. From these, the client's address is the last one of `Forwarded` or `X-Forwarded-For` that is no trusted proxy. From others both headers are ignored.",
    ),
    key(
        "server.cors_origins",
        "[]",
        "Origins whose pages may call the API from a browser, letter by letter: `https://example.org`. In development mode every port of `http://localhost` and `http://127.0.0.1` may too.",
    ),
    key(
        "server.tls_certificate",
        r#""""#,
        "A PEM file with the certificate and those that signed it. With it the server speaks HTTPS only. It is read again when it changes. Empty: HTTP.",
    ),
    key("server.tls_key", r#""""#, "The PEM file with the key of that certificate."),
    key("server.ide", "true", "Whether `/` is the GraphQL IDE. Without it `/` is 404."),
    key("server.header_seconds", "10", "How long the head of a request may take, and a TLS handshake. 1 to 120."),
    key("server.body_seconds", "30", "How long the whole body of a request may take. 1 to 600. Later: 408."),
    key("server.upload_seconds", "300", "The same for a request with files, and for the work on it. 1 to 3600."),
    key(
        "server.request_seconds",
        "30",
        "How long the work on a request may take, from the end of its body on. 1 to 600. Later it is ended: 503, `QUERY_TIMEOUT`.",
    ),
    key(
        "server.write_seconds",
        "30",
        "How long a client may take nothing of its answer before the connection is closed. 1 to 600.",
    ),
    key("server.idle_seconds", "30", "How long a connection without a request stays open. 1 to 600."),
    key(
        "server.connections",
        "1000",
        "Connections at once; fewer where the system allows fewer open files. Beyond, the one that has waited longest for its client is closed; when all are worked for, the new one gets 503. It is also the maximum of requests that are not answered whole.",
    ),
    key(
        "server.connections_per_network",
        "100",
        "The same for the connections of one address (IPv6: one /64), and the number of its requests at once. Connections of trusted proxies are not counted, the requests of their clients are.",
    ),
    key("server.requests", "512", "Requests that are worked on at once. Beyond: 503 with `Retry-After`."),
    key("database.url", r#""""#, "`postgres://…` or `sqlite:FILE`. Empty: SQLite in `<data_dir>/lyceum.db`."),
    key("database.read_connections", "4", "Connections for reads; on PostgreSQL as many again for writes. 1 to 200."),
    key(
        "database.statement_seconds",
        "5",
        "How long one statement of a read may run; then it is ended, also when the client has gone, and the request gets QUERY_TIMEOUT. 1 to 60.",
    ),
    key(
        "database.synchronous",
        r#""full""#,
        "What SQLite does before a write is answered. `full` waits until the disk has it: a power cut loses nothing. With `normal` a power cut may lose the last writes, payments that were confirmed to the provider among them; a crash of the server loses none. `full` waits for one more flush of the disk: with a fast virtual disk a write of five rows took 0.12 ms instead of 0.03. PostgreSQL has its own setting.",
    ),
    key(
        "content.dir",
        r#""""#,
        "A directory of content type files (`*.toml`) beside the built-in ones; a file of the same name replaces the built-in one. Empty: only the built-in types.",
    ),
    key("search.engine", r#""embedded""#, "`embedded` (in `<data_dir>/search`) or `meilisearch`."),
    key("search.url", r#""""#, "The address of Meilisearch. Needed with that engine."),
    key("search.key", r#""""#, "The API key of Meilisearch. A secret. Empty: none."),
    key("search.index", r#""lyceum""#, "The name of the index in Meilisearch."),
    key(
        "identity.token_key",
        r#""""#,
        "The key that signs access tokens, as 64 hexadecimal digits. A secret. Servers of one database need the same. Empty: the one in `<data_dir>/secrets/token.key`, made at the first start.",
    ),
    key("identity.access_token_minutes", "15", "How long an access token is good. 1 to 1440."),
    key("identity.refresh_token_days", "30", "How long a session lasts without being refreshed. 1 to 400."),
    key("identity.password_min", "10", "The shortest password, in characters. 8 to 100."),
    key("identity.session_days", "400", "How long a session lasts however often it is refreshed. 1 to 3650."),
    key(
        "identity.refresh_grace_seconds",
        "60",
        "How long after its first use a refresh token that comes again is another tab's and does not end the session. 0 to 600.",
    ),
    key("identity.refresh_per_person", "120", "Refreshes of one person's sessions in an hour."),
    key(
        "identity.sign_in_per_email_and_address",
        "10",
        "Wrong passwords for one account from one network address before pauses begin; see [limits.md](limits.md).",
    ),
    key(
        "identity.sign_in_per_email",
        "50",
        "Wrong passwords for one account from all network addresses before pauses begin; known devices pass.",
    ),
    key("identity.sign_in_per_address", "30", "Wrong passwords from one network address in 15 minutes."),
    key("identity.register_per_address", "20", "Registrations from one network address in an hour."),
    key("identity.mail_per_email", "5", "Codes sent to one e-mail address, of each kind, in an hour."),
    key("identity.mail_per_address", "30", "Codes asked for from one network address in an hour."),
    key(
        "identity.begin_per_address",
        "60",
        "Sign-ins through a provider begun from one network address in 15 minutes.",
    ),
    key(
        "identity.email_link",
        r#""""#,
        "The address in mails that prove an address or set a new password, with `{token}` for the code and, if wanted, `{action}` for `verify-email`, `reset-password` or `change-email`: `https://example.org/{action}#token={token}`; after `#` it comes into no log and no `Referer`. Empty: the mail has the code only.",
    ),
    key(
        "identity.redirect_uris",
        "[]",
        "Where a sign-in provider may send people back to, letter by letter. In development addresses of this machine (`http://127.0.0.1`, `http://localhost`) are taken too.",
    ),
    key("identity.hash_memory_kib", "19456", "Memory of one Argon2id hash, in KiB. 8192 to 1048576."),
    key("identity.hash_passes", "2", "Passes of one Argon2id hash. 1 to 20."),
    key(
        "payments.return_hosts",
        "[]",
        "Hosts that a checkout's return URL may name, beside the host of `server.public_url`. Needed with a live account. Empty: no other; in development this machine too, and any other host by a link on a page that names it.",
    ),
    key("payments.open_orders", "20", "Orders of one person that may wait for payment at one time. 1 to 1000."),
    key("payments.checkouts_per_person", "30", "Orders that one person places in an hour."),
    key("payments.order_hours", "23", "How long a buyer may take to pay. 1 to 72."),
    key("payments.accounts", "[]", "The merchant accounts; see below."),
    key(
        "community.member_list",
        r#""nobody""#,
        "Who may list all people with their names: `visitors`, `members` (who is signed in), or `nobody`. Whoever made something that one may read is seen in any case.",
    ),
    key("community.comments_per_person", "10", "Comments of one person in a minute."),
    key(
        "retention.webhook_days",
        "90",
        "How long the requests of payment webhooks are stored, to be looked into. What they meant stays. 1 to 3650.",
    ),
    key("retention.sample_days", "90", "How long samples of refused webhooks are stored. 1 to 3650."),
    key(
        "retention.event_days",
        "7",
        "How long events are stored after the search index and all plugins have passed them. 1 to 3650.",
    ),
    key(
        "plugins.unsigned",
        r#""dev-only""#,
        "Packages without a signature: `dev-only` installs them in development mode, `deny` never does.",
    ),
    key(
        "plugins.lock",
        r#""""#,
        "The file that records which plugins are installed, with digests and keys. Empty: `<data_dir>/plugins.lock`.",
    ),
    key(
        "plugins.recordings",
        "false",
        "Keeps some answered calls of each plugin in `<data_dir>/recordings`, with the texts in them, for `lyceum plugin upgrade --check`.",
    ),
    key(
        "plugins.revocations",
        r#""""#,
        "A file or https address with the signed list of what is revoked; its signature has the same name and `.minisig`. Empty: none.",
    ),
    key(
        "plugins.private_hosts",
        "[]",
        "Hosts inside your network, such as `registry.internal`, from which packages may be fetched over the API. Without it only hosts of the internet are; the command line reaches any.",
    ),
    key(
        "plugins.secret_key",
        r#""""#,
        "The key under which the secrets of plugins are stored, as 64 hexadecimal digits. A secret. Servers of one database need the same. Empty: the one in `<data_dir>/secrets/plugin.key`, made at the first start.",
    ),
    key("plugins.revocation_key", r#""""#, "The minisign public key of that list. Needed with `plugins.revocations`."),
    key("graphql.query_bytes", "65536", "Bytes of a query text. Variables do not count."),
    key("graphql.tokens", "20000", "Tokens of a query text."),
    key("graphql.depth", "15", "Levels of nested fields in a query."),
    key("graphql.cost", "20000", "Fields times rows of a query, and what its parts cost beside that; see limits.md."),
    key("graphql.fields", "2000", "Fields of a query, those of fragments counted at each spread, without their rows."),
    key("graphql.aliases", "50", "Aliases in a query, those of fragments counted at each spread."),
    key("graphql.conditions", "100", "Conditions in all filters of a query."),
    key("graphql.filter_relations", "12", "Relations in all filters of a query."),
    key("graphql.filter_values", "10000", "Values in all lists of the filters of a query."),
    key(
        "graphql.cost_per_minute",
        "2000000",
        "Cost of the requests of one person, or of one network of visitors, in a minute. The machine itself is not counted. 0: any.",
    ),
    key("graphql.query_seconds", "10", "How long a query may take. 1 to 300."),
    key("graphql.mutation_seconds", "30", "How long a mutation may take. 1 to 300."),
    key(
        "graphql.max_age_seconds",
        "60",
        "How long others may keep what a visitor read by the hash of a persisted query. 0 to 86400.",
    ),
    key("graphql.page_size", "100", "Rows of one page."),
    key("graphql.default_page_size", "20", "Rows of a page when the query does not say. At most `graphql.page_size`."),
    key("graphql.body_bytes", "1048576", "Bytes of a request body."),
    key("graphql.root_fields", "30", "Root fields of one operation."),
    key(
        "metrics.enabled",
        "false",
        "Answers `GET /metrics` in the text format of Prometheus: to this machine, and to others with `metrics.token`.",
    ),
    key(
        "metrics.token",
        r#""""#,
        "The bearer token that opens `/metrics` from elsewhere. A secret. Empty: this machine only.",
    ),
    key(
        "limits.webhooks_per_minute",
        "600",
        "Requests to `/webhooks/payments` of one client network in a minute. Beyond: 429 with `Retry-After`; providers repeat what was refused.",
    ),
    key(
        "limits.payment_returns_per_minute",
        "120",
        "Requests to `/payments/return` of one client network in a minute. Beyond: 429 with `Retry-After`.",
    ),
    key("log.format", r#""auto""#, "`text`, `json`, or `auto`: text on a terminal, JSON otherwise."),
    key("log.filter", r#""info,sea_orm_migration=warn""#, "What is logged, as `info` or `info,lyceum_store=debug`."),
];
