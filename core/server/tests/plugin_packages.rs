//! From a plugin's folder to a signed package in the lock, by the command line.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

struct Shop(TempDir);

impl Shop {
    /// A folder with a plugin of this repository, and room for data.
    fn open() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        fs::create_dir(shop.path("plugin")).unwrap();
        fs::copy(plugins.join("components/ranking-default.wasm"), shop.path("plugin/plugin.wasm")).unwrap();
        fs::copy(plugins.join("ranking-default/plugin.toml"), shop.path("plugin/plugin.toml")).unwrap();
        fs::write(shop.path("plugin/README.md"), "Ranks.").unwrap();
        fs::write(shop.path("plugin/notes.txt"), "Not for the package.").unwrap();
        shop
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn lyceum(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_lyceum"))
            .current_dir(self.0.path())
            .args(["--data-dir", "data", "plugin"])
            .args(arguments.split(' '))
            .output()
            .unwrap()
    }

    fn told(&self, arguments: &str) -> String {
        let output = self.lyceum(arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self, arguments: &str) -> String {
        let output = self.lyceum(arguments);
        assert!(!output.status.success(), "{arguments}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn a_folder_becomes_a_signed_package_and_a_line_of_the_lock() {
    let shop = Shop::open();
    let packed = shop.told("pack plugin -o ranking.tar");
    assert!(packed.contains("README.md") && !packed.contains("notes.txt"), "{packed}");
    let unsigned = fs::read(shop.path("ranking.tar")).unwrap();
    shop.told("pack plugin -o again.tar");
    assert_eq!(fs::read(shop.path("again.tar")).unwrap(), unsigned);

    let unfit = shop.refused("publish --dry-run ranking.tar oci://registry.example.com/acme/ranking");
    assert!(unfit.contains("it is not signed"), "{unfit}");

    let made = shop.told("keygen --no-password");
    let fingerprint = made.lines().find_map(|line| line.strip_prefix("fingerprint  ")).unwrap().to_owned();
    assert!(shop.refused("keygen --no-password").contains("publisher.key is not written"));
    assert!(shop.told("sign ranking.tar").contains(&fingerprint));
    let key: serde_json::Value = serde_json::from_str(&shop.told("inspect --json ranking.tar")).unwrap();
    let public = fs::read_to_string(shop.path("publisher.pub")).unwrap();
    assert_eq!(key["signer"]["publicKey"].as_str(), public.lines().nth(1));

    let shown = shop.told("publish --dry-run ranking.tar oci://registry.example.com/acme/ranking");
    assert!(shown.contains("application/wasm") && shown.ends_with("Nothing was sent.\n"), "{shown}");
    let version = key["version"].as_str().unwrap();
    assert!(shown.contains(&format!("oci://registry.example.com/acme/ranking:{version}")), "{shown}");

    shop.told("install ranking.tar");
    let lock = fs::read_to_string(shop.path("data/plugins.lock")).unwrap();
    assert!(lock.contains("id = \"lyceum/ranking-default\"") && lock.contains("source = \"file:"), "{lock}");
    assert!(lock.contains(key["packageDigest"].as_str().unwrap()), "{lock}");
    assert!(shop.told("lock --check").contains("1 plugins"));
    fs::write(shop.path("data/plugins.lock"), lock.replace(version, "0.0.9")).unwrap();
    let differs = String::from_utf8(shop.lyceum("lock --check").stdout).unwrap();
    assert_eq!(differs, format!("lyceum/ranking-default: the version is {version}, and 0.0.9 is locked\n"));
    shop.told("lock");
    shop.told("lock --check");
}

#[test]
fn a_new_key_brings_the_word_of_the_old_one() {
    let shop = Shop::open();
    shop.told("keygen --no-password -o old.key");
    shop.told("keygen --no-password -o new.key");
    shop.told("pack plugin -o ranking.tar");
    shop.told("sign ranking.tar --key new.key --rotate-from old.key");
    let is: serde_json::Value = serde_json::from_str(&shop.told("inspect --json ranking.tar")).unwrap();
    let statement = is["rotation"]["statement"].as_str().unwrap();
    let public = fs::read_to_string(shop.path("new.pub")).unwrap();
    assert!(statement.starts_with("rotate lyceum "), "{statement}");
    assert_eq!(statement.split(' ').nth(3), public.lines().nth(1));
}

#[test]
fn a_changed_package_is_not_signed_over() {
    let shop = Shop::open();
    shop.told("keygen --no-password");
    shop.told("pack plugin -o ranking.tar");
    let mut bytes = fs::read(shop.path("ranking.tar")).unwrap();
    let place = bytes.windows(6).position(|window| window == b"Ranks.").unwrap();
    bytes[place] = b'B';
    fs::write(shop.path("ranking.tar"), &bytes).unwrap();
    assert!(shop.refused("sign ranking.tar").contains("`README.md` does not have the sum"));
    assert_eq!(fs::read(shop.path("ranking.tar")).unwrap(), bytes);
}
