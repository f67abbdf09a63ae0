//! The page `docs/configuration.md`, made from the table of keys.

use std::fmt::Write as _;

use super::keys::KEYS;

const HEAD: &str = "\
# Configuration

This page is made from the table in `core/server/src/config/keys.rs`; a test fails when they differ.
`LYCEUM_TEST_WRITE_DOCS=1 cargo test -p lyceum configuration` writes it anew.

Values come from four places. Later ones win:
1. the defaults below,
2. the file `lyceum.toml` in the working directory, or the one named by `--config FILE` or `LYCEUM_CONFIG`,
3. the environment,
4. flags: `--data-dir`, `--database-url`, `--dev`, `--dev-public`, and of `serve` `--host`, `--port`, `--public-url`.

Everything is checked at start, and all problems are told at once. Keys and `LYCEUM_` variables that are not below are refused.
";

const TAIL: &str = "
## Merchant accounts

One block for each payment provider. The provider's plugin must be installed, enabled and have its secrets (`lyceum plugin set-secret`).

```toml
[[payments.accounts]]
provider = \"sandbox\"          # the key of the plugin payment-sandbox
account = \"acct_1\"            # the account's id at the provider
live = false                  # whether real money moves; default false
settings = { gateway-url = \"http://127.0.0.1:8092\" }   # what the plugin reads; default none
```

The provider tells the outcome to `<public_url>/webhooks/payments/<provider>` and sends buyers back to `<public_url>/payments/return/<provider>`.

## Files in the data directory

The directory and everything in it can be read by the user of the server only (modes 0700 and 0600). What was open to others, from an earlier version or made by hand, is closed at the start, and the log says so.

| file | what |
| --- | --- |
| `lyceum.db` | the SQLite database, when no `database.url` is set |
| `search/` | the embedded search index; `lyceum search reindex` makes it anew |
| `plugins/` | compiled plugins; it may be deleted |
| `recordings/` | with `plugins.recordings`, some answered calls of each plugin, with the texts in them; it may be deleted |
| `running.json` | that a server in development mode runs; for `lyceum plugin dev` |
| `plugin-usage.json` | what plugins have used since the server's start; for `lyceum plugin usage` |
| `plugins.lock` | which plugins are installed, with digests and keys, when no `plugins.lock` is set |
| `plugin-revocations.toml` | the last good list of revoked plugins, when it comes from an address |
| `secrets/token.key` | signs access tokens; made at the first start, readable by its owner only |
";

/// The whole page.
#[must_use]
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let mut section = "";
    page.push_str("\n## Top level\n\n| key | default | meaning |\n| --- | --- | --- |\n");
    for key in KEYS {
        let own = key.name.split_once('.').map_or("", |(section, _)| section);
        if own != section {
            section = own;
            let _ = write!(page, "\n## [{section}]\n\n| key | default | meaning |\n| --- | --- | --- |\n");
        }
        let name = key.name.rsplit('.').next().unwrap_or_default();
        let _ = writeln!(page, "| `{name}`<br>`{}` | `{}` | {} |", key.variable(), key.default, key.meaning);
    }
    page + TAIL
}
