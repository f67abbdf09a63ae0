//! Looks for advertising, spam, abuse and contact details in Chinese and
//! English. Rules and a list, no model: the same text always has the same verdict.
//!
//! **Invariant:** the time taken grows with the length of the text, not with its
//! square.

mod contact;
mod list;
mod normal;

use std::collections::BTreeSet;

use lyceum_sdk::moderation::{Moderator, ReviewItem, Verdict};

pub use list::{Finding, Severity};

/// The moderator of `lyceum demo`.
pub struct Wordlist;

impl Moderator for Wordlist {
    fn review(item: &ReviewItem) -> Verdict {
        verdict(&findings(&item.text))
    }
}

/// Everything that was found in a text.
#[must_use]
pub fn findings(text: &str) -> Vec<Finding> {
    let plain = normal::plain(text);
    let mut findings = list::find(&plain);
    findings.extend(contact::find(&plain));
    findings
}

/// One verdict from all findings. Advertising that comes with contact details
/// is what advertisers write, so the two together are refused.
#[must_use]
pub fn verdict(findings: &[Finding]) -> Verdict {
    let labels: BTreeSet<&str> = findings.iter().map(|finding| finding.label.as_str()).collect();
    let solicits = labels.contains("advertising") && labels.contains("contact");
    let surest = findings.iter().map(|finding| finding.percent).max().unwrap_or_default();
    let confidence = if solicits { surest.max(95) } else { surest } as f32 / 100.0;
    let codes = labels.iter().map(|label| (*label).to_owned()).collect();
    if solicits || findings.iter().any(|finding| finding.severity == Severity::Reject) {
        Verdict::reject(codes, confidence).noting(note(findings))
    } else if findings.is_empty() {
        Verdict::allow()
    } else {
        Verdict::hold(codes, confidence).noting(note(findings))
    }
}

/// At most this many findings are named to the person who decides.
const NAMED: usize = 8;

fn note(findings: &[Finding]) -> String {
    let named: Vec<_> = findings.iter().take(NAMED).map(|finding| finding.what.as_str()).collect();
    format!("found: {}", named.join(", "))
}

lyceum_sdk::export_moderation!(Wordlist, manifest: "../plugin.toml");
