//! The components that come with the binary. `notify-smtp` does not: in Python,
//! it is larger than everything else together.

/// `(name, component)`.
pub(crate) const COMPONENTS: [(&str, &[u8]); 8] = [
    ("payment-sandbox", include_bytes!("../../../plugins/components/payment-sandbox.wasm")),
    ("ranking-default", include_bytes!("../../../plugins/components/ranking-default.wasm")),
    ("moderation-wordlist", include_bytes!("../../../plugins/components/moderation-wordlist.wasm")),
    ("moderation-bayes", include_bytes!("../../../plugins/components/moderation-bayes.wasm")),
    ("ranking-personal", include_bytes!("../../../plugins/components/ranking-personal.wasm")),
    ("content-slugify", include_bytes!("../../../plugins/components/content-slugify.wasm")),
    ("auth-oidc", include_bytes!("../../../plugins/components/auth-oidc.wasm")),
    ("graphql-reading-time", include_bytes!("../../../plugins/components/graphql-reading-time.wasm")),
];

/// Those that the demo installs and starts.
pub(crate) const OF_THE_DEMO: [&str; 3] = ["payment-sandbox", "ranking-default", "moderation-wordlist"];

/// The component of this name, with or without `lyceum/`.
pub(crate) fn component(name: &str) -> Option<&'static [u8]> {
    let name = name.strip_prefix("lyceum/").unwrap_or(name);
    COMPONENTS.iter().find(|(known, _)| *known == name).map(|(_, wasm)| *wasm)
}
