//! The buttons of a sign-in page: which providers there are.

use lyceum_domain::Domains;
use serde_json::{Value as Json, json};

use crate::{
    outputs::{Output, Outputs},
    roots::{Root, RootKind},
};

/// The root field.
pub fn root(outputs: &mut Outputs) -> Root {
    outputs.object(
        "SignInProviders",
        "Through whom one can sign in.",
        vec![Output::new("nodes", "SignInProvider", "The providers.").list()],
    );
    outputs.object(
        "SignInProvider",
        "Somebody who says who a person is.",
        vec![
            Output::new("key", "String", "For `beginSignIn`.").required(),
            Output::new("labels", "JSON", "The text of the button, by language tag.").required(),
        ],
    );
    Root {
        name: "signInProviders".into(),
        description: "The providers of sign-in that are active.".into(),
        arguments: Vec::new(),
        output: "SignInProviders".into(),
        kind: RootKind::SignInProviders,
    }
}

pub fn told(domains: &Domains) -> Json {
    json!({ "nodes": domains.sign_ins.providers() })
}
