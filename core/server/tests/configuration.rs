//! The configuration: defaults, what is refused, and the page about it.

use std::{io::Write as _, path::Path, time::Duration};

use lyceum::config::{Config, KEYS, Sources, markdown};
use lyceum_domain::identity::IdentityConfig;

fn from_file(text: &str) -> Result<Config, Vec<String>> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("it can be written");
    let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
    Config::read(&sources).map_err(|error| {
        let prefix = format!("{}: ", file.path().display());
        error.0.iter().map(|problem| problem.strip_prefix(&prefix).unwrap_or(problem).to_owned()).collect()
    })
}

#[test]
fn the_configuration_page_is_the_table_of_keys() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    if std::env::var_os("LYCEUM_TEST_WRITE_DOCS").is_some() {
        std::fs::write(&page, markdown()).expect("the page can be written");
    }
    assert_eq!(std::fs::read_to_string(page).expect("the page is there"), markdown());
}

#[test]
fn the_documented_defaults_are_those_of_the_code() {
    let config = Config::default();
    assert_eq!(config.identity.0, IdentityConfig::default());
    assert_eq!(config.graphql.limits, lyceum_graphql::Limits::default());
    assert_eq!(config.locales, lyceum_kernel::Locales::default());
    assert_eq!(config.payment_settings().order_lifetime, lyceum_domain::payment::Settings::default().order_lifetime);
    assert_eq!(config.public_url(), "http://127.0.0.1:8080");
    assert_eq!(config.server.shutdown, Duration::from_secs(10));
    assert!(!config.dev);
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = from_file(
        "locals = [\"en\"]\n[server]\nport = 70000\npublic_url = \"lyceum.example\"\n\
         [search]\nengine = \"meilisearch\"\n[graphql]\ndefault_page_size = 500\nurl = \"x\"\n[nowhere]\nx = 1\n",
    );
    let problems = problems.expect_err("refused");
    let about: Vec<&str> = problems.iter().map(|problem| problem.rsplit_once(": ").map_or("", |(at, _)| at)).collect();
    assert_eq!(problems.len(), 7, "{problems:#?}");
    for name in [
        "locals",
        "graphql.url",
        "nowhere",
        "server.public_url",
        "server.port",
        "search.url",
        "graphql.default_page_size",
    ] {
        assert!(about.iter().any(|at| at.contains(name)), "{name}: {problems:#?}");
    }
    assert!(problems.iter().any(|problem| problem.contains("did you mean")), "{problems:#?}");
}

#[test]
fn flags_win_over_the_environment() {
    let sources = Sources {
        file: None,
        environment: vec![("LYCEUM_SERVER_PORT".into(), "1".into()), ("LYCEUM_LOCALES".into(), "zh-CN, en".into())],
        flags: vec![("server.port", "2".into())],
    };
    let config = Config::read(&sources).expect("valid");
    assert_eq!(config.server.port, 2);
    assert_eq!(config.locales.default_locale().as_str(), "zh-CN");
}

#[test]
fn an_unknown_variable_is_refused() {
    let sources = Sources { environment: vec![("LYCEUM_SERVER_PROT".into(), "1".into())], ..Sources::default() };
    assert_eq!(Config::read(&sources).expect_err("refused").0, ["LYCEUM_SERVER_PROT: no key has this variable"]);
}

#[test]
fn secrets_do_not_print() {
    let config =
        from_file("[database]\nurl = \"postgres://u:hunter2@db/x\"\n[search]\nkey = \"hunter2\"\n").expect("valid");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn an_account_is_read_whole_and_an_unknown_key_in_it_refused() {
    let account = "[[payments.accounts]]\nprovider = \"sandbox\"\naccount = \"a\"\n";
    let config = from_file(&format!("{account}settings = {{ gateway-url = \"http://127.0.0.1:1\" }}")).expect("valid");
    let settings = config.payment_settings();
    assert_eq!(settings.accounts[0].notify_url, "http://127.0.0.1:8080/webhooks/payments/sandbox");
    assert_eq!(settings.accounts[0].account.settings, [("gateway-url".to_owned(), "http://127.0.0.1:1".to_owned())]);
    assert!(from_file(&format!("{account}secret = \"x\"")).is_err());
    assert!(from_file(&format!("{account}{account}")).is_err());
}

#[test]
fn development_mode_is_not_for_other_machines_unless_that_is_said() {
    for (host, stays_here) in
        [("127.0.0.1", true), ("::1", true), ("localhost", true), ("0.0.0.0", false), ("::", false)]
    {
        let text = format!("dev = true\n[server]\nhost = \"{host}\"\n");
        let check = |text: &str| {
            let config = from_file(text).expect("commands that do not listen may read it");
            config.server.check_exposure(config.dev).map_err(|error| error.to_string())
        };
        match check(&text) {
            Ok(()) => assert!(stays_here, "{host}"),
            Err(problem) => assert!(!stays_here && problem.contains("--dev-public"), "{host}: {problem}"),
        }
        assert_eq!(check(&format!("dev_public = true\n{text}")), Ok(()), "{host}");
        assert_eq!(check(&text.replace("true", "false")), Ok(()), "{host}");
    }
}

#[test]
fn an_origin_is_written_as_browsers_send_it() {
    let read = |origin: &str| from_file(&format!("[server]\ncors_origins = [\"{origin}\"]\n"));
    for origin in ["https://example.org", "http://localhost:3000", "https://example.org:8443", "http://[::1]:3000"] {
        assert!(read(origin).is_ok(), "{origin}");
    }
    for origin in [
        "*",
        "null",
        "example.org",
        "https://example.org/",
        "https://example.org/app",
        "https://*.example.org",
        "https://Example.org",
        "https://example.org:443",
        "https://user@example.org",
        "ftp://example.org",
    ] {
        let problems = read(origin).expect_err(origin);
        assert!(problems[0].contains("server.cors_origins"), "{problems:?}");
    }
}

#[test]
fn proxies_are_addresses_or_networks() {
    let read = |proxy: &str| from_file(&format!("[server]\ntrusted_proxies = [\"{proxy}\"]\n"));
    for proxy in ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"] {
        assert!(read(proxy).is_ok(), "{proxy}");
    }
    for proxy in ["localhost", "10.0.0.0/33", "10.0.0", "*"] {
        assert!(read(proxy).is_err(), "{proxy}");
    }
}

#[test]
fn a_certificate_needs_its_key() {
    let problems = from_file("[server]\ntls_certificate = \"a.pem\"\n").expect_err("refused");
    assert!(problems[0].contains("server.tls_key"), "{problems:?}");
    let config = from_file("[server]\ntls_certificate = \"a.pem\"\ntls_key = \"b.pem\"\n").expect("valid");
    assert_eq!(config.public_url(), "https://127.0.0.1:8080");
}

#[test]
fn a_live_account_needs_the_hosts_that_buyers_come_back_to() {
    let live = "provider = \"sandbox\"\naccount = \"a\"\nlive = true\n";
    let problems = from_file(&format!("[[payments.accounts]]\n{live}")).expect_err("refused");
    assert!(problems.len() == 1 && problems[0].contains("payments.return_hosts"), "{problems:?}");
    let listed =
        |hosts: &str| from_file(&format!("[payments]\nreturn_hosts = [{hosts}]\n[[payments.accounts]]\n{live}"));
    assert!(listed("\"app.example\"").is_ok());
    assert!(listed("\"https://app.example/\"").is_err(), "a host, not an address");
}

#[test]
fn the_table_of_limits_has_the_defaults_of_the_configuration() {
    for limit in lyceum_domain::limits::RATE_LIMITS {
        let Some(setting) = limit.setting else { continue };
        let key = KEYS.iter().find(|key| key.name == setting).unwrap_or_else(|| panic!("there is no key {setting}"));
        assert_eq!(key.default, limit.count.to_string(), "{setting}");
    }
    let config = Config::default();
    let settings = lyceum_domain::payment::Settings::default();
    assert_eq!(config.payments.open_orders, settings.open_orders);
    assert_eq!(config.payments.checkouts_per_person, settings.checkouts_per_person);
    assert_eq!(config.community.comments_per_person, lyceum_domain::limits::COMMENT.limit());
    assert_eq!(config.retention, lyceum_domain::retention::RetentionSettings::default());
}

#[test]
fn every_key_has_a_meaning_and_a_variable_of_its_own() {
    let mut variables: Vec<String> = KEYS.iter().map(lyceum::config::Key::variable).collect();
    variables.sort();
    variables.dedup();
    assert_eq!(variables.len(), KEYS.len());
    assert!(KEYS.iter().all(|key| key.meaning.ends_with('.') || key.meaning.ends_with("below.")));
}
