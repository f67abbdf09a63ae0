//! What a plugin does by the interfaces that it implements: in words for its
//! owner, and which of it is put in place without asking.
//!
//! **Invariant:** whatever decides about people, money or mail, or signs people
//! in, is asked for. Only an order of lists is not: it shows nothing that its
//! reader may not see.

/// By interface: how it goes on after "it".
const DEEDS: [(&str, &str); 12] = [
    ("lyceum:auth/auth-provider", "signs people in, so it decides whose account somebody gets"),
    ("lyceum:payment/provider", "takes payments and pays them back"),
    ("lyceum:payment/inbound", "says which payments were made"),
    ("lyceum:payment/statements", "says what was settled, to compare payments with"),
    ("lyceum:payment/mandates", "charges people again without asking them"),
    ("lyceum:notify/notifier", "carries messages, the codes for new passwords among them"),
    ("lyceum:moderation/moderator", "judges what people write, and can hold or refuse it"),
    ("lyceum:content/before-hooks", "changes or refuses entries before they are saved"),
    ("lyceum:content/after-hooks", "is told of changes of entries"),
    ("lyceum:graphql/field-resolver", "adds fields to the API"),
    ("lyceum:job/job", "works in the background"),
    ("lyceum:ranking/ranker", "orders lists of entries"),
];

const RANKER: &str = "lyceum:ranking/ranker";
const LIFECYCLE: &str = "lyceum:lifecycle/lifecycle";

/// What a plugin with these interfaces does, the gravest first: `signs people
/// in …`. One that is not known is named.
#[must_use]
pub fn deeds(implements: &[String]) -> Vec<String> {
    let known = DEEDS.iter().filter(|(path, _)| implements.iter().any(|name| path_of(name) == *path));
    let unknown = implements.iter().filter(|name| {
        let path = path_of(name);
        path != LIFECYCLE && DEEDS.iter().all(|(known, _)| *known != path)
    });
    let known = known.map(|(_, deed)| (*deed).to_owned());
    known.chain(unknown.map(|name| format!("implements {}", path_of(name)))).collect()
}

/// Whether a first installation asks the owner because of this interface.
pub(super) fn needs_consent(interface: &str) -> bool {
    ![RANKER, LIFECYCLE].contains(&path_of(interface))
}

/// Whether an update asks the owner because this interface is new.
pub(super) fn is_more(interface: &str) -> bool {
    path_of(interface) != LIFECYCLE
}

/// The interface without its version: a later minor of it is the same.
pub(super) fn path_of(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(names: &[&str]) -> Vec<String> {
        deeds(&names.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn deeds_are_told_once_in_words_with_the_gravest_first() {
        let names =
            ["lyceum:ranking/ranker@1.0.0", "lyceum:lifecycle/lifecycle@1.0.0", "lyceum:auth/auth-provider@1.2.0"];
        let words = ["signs people in, so it decides whose account somebody gets", "orders lists of entries"];
        assert_eq!(told(&names), words);
        assert_eq!(told(&["acme:tea/pot@1.0.0"]), ["implements acme:tea/pot"]);
    }

    #[test]
    fn an_order_of_lists_and_the_care_of_oneself_need_no_consent() {
        let free = |name: &str| !needs_consent(name);
        assert!(free("lyceum:ranking/ranker@1.0.0") && free("lyceum:lifecycle/lifecycle@1.0.0"));
        assert_eq!(DEEDS.iter().filter(|(path, _)| free(path)).count(), 1);
        assert!(is_more("lyceum:ranking/ranker@1.0.0") && !is_more("lyceum:lifecycle/lifecycle@1.1.0"));
    }
}
