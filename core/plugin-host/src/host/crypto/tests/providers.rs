//! Vectors that payment providers and their libraries published, where the
//! collection of them is at hand.

use std::{fs, io::Write as _, path::Path};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::*;

/// Beside the repository, where it is developed.
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/payments/vectors.json");

/// What a vector asks of `crypto`; the rest of its protocol is the plugin's.
enum Ask {
    Sign { message: String, signature: String },
    Verify { message: String, signature: String, accept: bool },
    Open { alg: &'static str, nonce: Vec<u8>, aad: String, sealed: String },
}

/// A vector with its key.
struct Case<'a> {
    vector: &'a Value,
    secret: String,
    alg: &'static str,
    ask: Ask,
}

#[test]
fn providers_agree() {
    let Some(collection) = collection() else { return };
    let vectors = collection["vectors"].as_array().expect("a list");
    let mut checked: BTreeMap<&str, usize> = BTreeMap::new();
    for case in vectors.iter().filter_map(|vector| case(&collection, vector)) {
        case.check();
        *checked.entry(case.vector["provider"].as_str().expect("a provider")).or_default() += 1;
    }
    let expected =
        [("alipay", 11), ("paypal", 3), ("standard-webhooks", 1), ("stripe", 2), ("unionpay", 3), ("wechatpay", 24)];
    assert_eq!(checked, expected.into());
}

#[test]
fn certificates_of_providers_are_read() {
    let Some(collection) = collection() else { return };
    for (name, key) in collection["keys"].as_object().expect("keys by name") {
        let shown = Plugin::with_key(text(&key["value"])).public_key("key");
        assert!(shown.is_ok_and(|der| der.len() == 294), "{name} is an RSA key of 2048 bits");
    }
}

fn collection() -> Option<Value> {
    if Path::new(VECTORS).exists() {
        return Some(serde_json::from_slice(&fs::read(VECTORS).expect("readable")).expect("JSON"));
    }
    let why = "the vectors of payment providers: shared/payments/vectors.json is not beside the repository";
    assert!(std::env::var_os("LYCEUM_TEST_STRICT").is_none(), "LYCEUM_TEST_STRICT is set, and this is skipped: {why}");
    writeln!(std::io::stderr().lock(), "SKIPPED {why}").expect("stderr");
    None
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn lines(input: &Value, fields: &[&str]) -> String {
    fields.iter().map(|field| format!("{}\n", text(&input[*field]))).collect()
}

/// Alipay and UnionPay: sorted parameters without empty ones and those left out.
fn sorted(params: &Value, left_out: &[&str]) -> String {
    let params: BTreeMap<_, _> = params.as_object().expect("parameters").iter().collect();
    let kept = params.into_iter().filter(|(name, value)| !left_out.contains(&name.as_str()) && !text(value).is_empty());
    kept.map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join("&")
}

fn case<'a>(collection: &Value, vector: &'a Value) -> Option<Case<'a>> {
    let (input, expect) = (&vector["input"], &vector["expect"]);
    // AES with keys of 16 bytes or nonces of 16: no provider sends that.
    if vector.get("optional").is_some() {
        return None;
    }
    let accept = || expect["accept"] == true;
    let sign = |message: &Value, signature: &Value| Ask::Sign { message: text(message), signature: text(signature) };
    let verify =
        |message: String, signature: &Value| Ask::Verify { message, signature: text(signature), accept: accept() };
    let key = |name: &Value| text(&collection["keys"][name.as_str().expect("a name")]["value"]);
    let rsa = |ask| Some(Case { vector, secret: key(&input["key"]), alg: "rsa-sha256", ask });
    match (vector["provider"].as_str()?, vector["op"].as_str()?) {
        ("stripe", "hmac-sha256-hex") => {
            let signature = STANDARD.encode(unhex(&text(&expect["hex"])));
            let ask = Ask::Sign { message: text(&input["message"]), signature };
            Some(Case { vector, secret: text(&input["secret"]), alg: "hmac-sha256", ask })
        }
        ("standard-webhooks", "sign") => {
            let message = format!("{}.{}.{}", text(&input["id"]), input["timestamp"], text(&input["body"]));
            let signature = text(&expect["signature"]).replacen("v1,", "", 1);
            let secret = text(&input["secret"]).replacen("whsec_", "base64:", 1);
            Some(Case { vector, secret, alg: "hmac-sha256", ask: Ask::Sign { message, signature } })
        }
        ("alipay", "notify-verify") => {
            let only_sign = text(&input["mode"]).starts_with("drop sign only");
            let left_out = if only_sign { &["sign"][..] } else { &["sign", "sign_type"] };
            let mut params = input["params"].clone();
            if only_sign && params.get("sign_type").is_none() && text(&input["mode"]).contains("assumed") {
                params["sign_type"] = "RSA2".into();
            }
            rsa(verify(sorted(&params, left_out), &params["sign"]))
        }
        ("alipay", "response-verify") => rsa(verify(text(&input["source"]), &input["sign"])),
        ("alipay", "rsa2-sign") => rsa(sign(&expect["sign_string"], &expect["sign"])),
        ("alipay", "aes-128-cbc-zero-iv") => {
            let sealed = text(&expect["ciphertext_b64"]);
            let ask = Ask::Open { alg: "aes-128-cbc", nonce: vec![0; 16], aad: String::new(), sealed };
            Some(Case { vector, secret: text(&input["key_b64"]), alg: "aes-128-cbc", ask })
        }
        ("wechatpay", "request-sign") => rsa(sign(&expect["message"], &expect["signature"])),
        ("wechatpay", "pay-sign") => rsa(sign(&expect["message"], &expect["paySign"])),
        ("wechatpay", "rsa-sha256-sign") => rsa(sign(&input["message"], &expect["signature"])),
        ("wechatpay", "response-verify" | "notify-verify") => {
            rsa(verify(lines(input, &["timestamp", "nonce", "body"]), &input["signature"]))
        }
        // Which key a serial number stands for is the plugin's to know.
        ("wechatpay", "rsa-sha256-verify") => {
            let key = key(input["configured"].get(text(&input["serial"]))?);
            let ask = verify(text(&input["message"]), &input["signature"]);
            Some(Case { vector, secret: key, alg: "rsa-sha256", ask })
        }
        ("wechatpay", "aead-decrypt" | "aead-encrypt") => {
            let sealed = input.get("ciphertext").unwrap_or(&expect["ciphertext"]);
            let (nonce, aad) = (text(&input["nonce"]).into_bytes(), text(&input["associated_data"]));
            let ask = Ask::Open { alg: "aes-256-gcm", nonce, aad, sealed: text(sealed) };
            Some(Case { vector, secret: text(&input["api_v3_key"]), alg: "aes-256-gcm", ask })
        }
        ("wechatpay", "oaep-sha1-decrypt") => {
            let (aad, sealed) = (String::new(), text(&input["ciphertext"]));
            rsa(Ask::Open { alg: "rsa-oaep-sha1", nonce: Vec::new(), aad, sealed })
        }
        ("unionpay", "sign-5.1.0") => {
            let ask = Ask::Sign { message: text(&expect["sha256_hex"]), signature: text(&expect["signature"]) };
            rsa(ask)
        }
        ("unionpay", "verify-5.1.0") => {
            let params = &input["params"];
            let digest = hex::encode(Sha256::digest(sorted(params, &["signature"])));
            rsa(verify(digest, &params["signature"]))
        }
        ("paypal", "webhook-verify") => {
            // A header that names another algorithm is the plugin's to refuse.
            let known = input["headers"]["PAYPAL-AUTH-ALGO"] == "SHA256withRSA";
            let message = text(&expect["message"]);
            let signature = text(&input["headers"]["PAYPAL-TRANSMISSION-SIG"]);
            rsa(Ask::Verify { message, signature, accept: accept() || !known })
        }
        _ => None,
    }
}

impl Case<'_> {
    fn check(&self) {
        let (id, expect) = (text(&self.vector["id"]), &self.vector["expect"]);
        let mut plugin = Plugin::with_key(&self.secret);
        match &self.ask {
            Ask::Sign { message, signature } => {
                let signed = plugin.sign("key", self.alg, message.as_bytes());
                assert_eq!(signed, Ok(unbase64(signature)), "{id}");
            }
            Ask::Verify { message, signature, accept } => {
                // What is not base64 does not get as far as the host.
                let signature = STANDARD.decode(signature).unwrap_or_default();
                let verified = plugin.verify("key", self.alg, message.as_bytes(), &signature);
                assert_eq!(verified, if *accept { Ok(()) } else { refused("mismatch") }, "{id}");
            }
            Ask::Open { alg, nonce, aad, sealed } => {
                let sealed = STANDARD.decode(sealed).unwrap_or_default();
                let opened = plugin.open("key", alg, nonce, aad.as_bytes(), &sealed);
                match (&expect["plaintext_sha256"], expect.get("error")) {
                    (_, Some(_)) => assert!(opened.is_err(), "{id}"),
                    (Value::String(digest), _) => {
                        assert_eq!(opened.map(|plain| hex::encode(Sha256::digest(plain))).as_ref(), Ok(digest), "{id}");
                    }
                    _ => {
                        let plain = expect.get("plaintext").unwrap_or(&self.vector["input"]["plaintext"]);
                        assert_eq!(opened, Ok(text(plain).into_bytes()), "{id}");
                    }
                }
            }
        }
    }
}
