//! The components that come with the binary.

/// `(name, component)`.
pub(crate) const COMPONENTS: [(&str, &[u8]); 3] = [
    ("payment-sandbox", include_bytes!("../../../plugins/components/payment-sandbox.wasm")),
    ("ranking-default", include_bytes!("../../../plugins/components/ranking-default.wasm")),
    ("moderation-wordlist", include_bytes!("../../../plugins/components/moderation-wordlist.wasm")),
];

/// The component of this name, with or without `lyceum/`.
pub(crate) fn component(name: &str) -> Option<&'static [u8]> {
    let name = name.strip_prefix("lyceum/").unwrap_or(name);
    COMPONENTS.iter().find(|(known, _)| *known == name).map(|(_, wasm)| *wasm)
}
