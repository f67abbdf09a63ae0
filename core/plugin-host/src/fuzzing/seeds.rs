//! Where the fuzzers begin: inputs that pass, one for each road through a check.

/// The seeds of a target.
#[must_use]
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "manifest" => MANIFESTS.iter().map(|text| text.as_bytes().to_vec()).collect(),
        "package" => packages(),
        "origin" => ORIGINS.iter().map(|text| text.as_bytes().to_vec()).collect(),
        "answers" => answers(),
        "config_schema" => SCHEMAS.iter().map(|text| text.as_bytes().to_vec()).collect(),
        _ => Vec::new(),
    }
}

const MANIFESTS: &[&str] = &[
    r#"[plugin]
id = "acme/ranker"
version = "1.2.3"
license = "MIT"
lyceum = ">=0.1, <2"
implements = ["lyceum:ranking/ranker@1.0"]
state = "none"
[limits]
memory = "8MiB"
cpu_ms = 5
[store]
summary = { en = "Ranks", zh = "排序" }
"#,
    r#"[plugin]
id = "acme/mail"
version = "0.1.0-beta.1"
license = "Apache-2.0"
lyceum = "*"
implements = ["lyceum:notify/notifier@1.0", "lyceum:content/before-hooks@1.0", "lyceum:job/job@1.0", "lyceum:graphql/field-resolver@1.0"]
[permissions.http]
hosts = ["https://api.example.com", "https://*.example.com:8443", "http://127.0.0.1:*"]
reason = "To send"
[permissions.smtp]
hosts = ["smtps://mail.example.com:465"]
reason = "To send"
[permissions.secret-ref]
names = ["key"]
reason = "To sign in"
[permissions.kv]
quota = "64KiB"
reason = "To remember"
[permissions.content-read]
collections = ["course"]
scope = "published"
reason = "To read"
[permissions.events]
names = ["course.*"]
reason = "To know"
[hooks]
before = ["create", "publish"]
types = ["*"]
guard = true
[[jobs]]
name = "sync"
every = "15min"
[graphql]
sdl = "extend type Lesson { acmeMinutes: Int @needs(fields: [\"title\"]) }"
[config]
schema = "config.schema.json"
"#,
];

const ORIGINS: &[&str] = &[
    "https://api.example.com\nhttps://api.example.com/v1?x=1",
    "https://*.example.com:8443\nhttps://a.b.example.com:8443/",
    "https://*\nhttps://[::ffff:169.254.169.254]/",
    "http://127.0.0.1:8089\nhttp://0x7f.1:8089/",
    "http://127.0.0.1:*\nsmtp://127.0.0.1:2525",
    "https://xn--bcher-kva.example\nsmtps://mail.example.com:465",
];

const SCHEMAS: &[&str] = &[
    "{\"type\":\"object\",\"required\":[\"region\"],\"properties\":{\"region\":{\"type\":\"string\",\"pattern\":\"^[a-z]+$\",\"default\":\"eu\"},\"retries\":{\"type\":\"integer\",\"minimum\":0},\"key\":{\"type\":\"string\",\"secret\":true}}}\n{\"region\":\"eu\",\"retries\":1}",
    "{\"type\":\"object\",\"$defs\":{\"a\":{\"type\":\"array\",\"items\":{\"enum\":[1,\"b\",null]}}},\"properties\":{\"list\":{\"$ref\":\"#/$defs/a\"},\"in\":{\"type\":\"object\",\"default\":{},\"properties\":{\"x\":{\"default\":2}}}},\"additionalProperties\":false}\n{\"list\":[1]}",
    "{\"type\":\"object\",\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}],\"patternProperties\":{\"^x-\":{\"format\":\"uri\"}}}\n{\"key\":\"s3cret\",\"b\":[]}",
];

/// A component alone, a component of a manifest, and archives of both.
fn packages() -> Vec<Vec<u8>> {
    let mut seeds = vec![b"\0\0asm\x0d\0\x01\0".to_vec(), b"\0\0asm\x01\0\0\0".to_vec()];
    for manifest in MANIFESTS {
        seeds.push([b"\x01", manifest.as_bytes()].concat());
        let schema = br#"{"type":"object"}"#;
        seeds.push([b"\x02", manifest.as_bytes(), b"\x1e", manifest.as_bytes(), b"\x1e", schema].concat());
    }
    seeds
}

/// Runs of bytes of several kinds for each world: the generator makes values of them.
fn answers() -> Vec<Vec<u8>> {
    let run =
        |world: u8, step: u8| (0..192_u8).map(move |n| n.wrapping_mul(step).wrapping_add(world)).collect::<Vec<_>>();
    let whole = |world: u8, step: u8| [vec![world], run(world, step)].concat();
    (0..9).flat_map(|world| [0, 1, 37].map(|step| whole(world, step))).collect()
}
