//! What the values of enumerations mean.

/// The meaning of a value; one that this page does not know is described by
/// its name.
pub fn description(ty: &str, value: &str) -> String {
    let known = MEANINGS.iter().find(|(known, name, _)| *known == ty && *name == value);
    known.map_or_else(|| in_words(value), |(_, _, meaning)| (*meaning).to_owned())
}

fn in_words(value: &str) -> String {
    let words = value.to_ascii_lowercase().replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

const MEANINGS: &[(&str, &str, &str)] = &[
    ("CommentState", "VISIBLE", "Everybody who may read what it is about can read it."),
    ("CommentState", "HELD", "It waits for a moderator. Only its author and moderators can read it."),
    ("CommentState", "REJECTED", "Moderation rejected it. Only its author and moderators can read it."),
    ("CommentState", "DELETED", "It was deleted."),
    ("ContentAccess", "PUBLIC", "Open to everybody."),
    ("ContentAccess", "SIGNED_IN", "Open to everybody who has signed in."),
    ("ContentAccess", "TIER", "Open to members of the tier in `accessTierId` and of higher ones."),
    ("ContentAccess", "PURCHASE", "Open to those who bought it."),
    ("ContentStatus", "DRAFT", "Only those who may edit it can read it."),
    ("ContentStatus", "PUBLISHED", "It can be read as its access says."),
    ("CourseLevel", "BEGINNER", "No previous knowledge is needed."),
    ("CourseLevel", "INTERMEDIATE", "The basics are known."),
    ("CourseLevel", "ADVANCED", "For people with experience."),
    ("CourseLevel", "EXPERT", "For specialists."),
    ("ModerationState", "PENDING", "It waits for a moderator."),
    ("ModerationState", "ALLOWED", "A moderator allowed it."),
    ("ModerationState", "REJECTED", "A moderator rejected it."),
    ("OrderKind", "PLAN", "A plan of a tier."),
    ("OrderKind", "COURSE", "A course."),
    ("OrderState", "PLACED", "It waits for payment."),
    ("OrderState", "PAID", "It was paid, and what was bought is open."),
    ("OrderState", "CANCELED", "It was not paid in time, or was canceled."),
    ("PlanInterval", "MONTH", "One payment is good for a month."),
    ("PlanInterval", "YEAR", "One payment is good for a year."),
    ("PlanInterval", "ONCE", "One payment is good for ever."),
    ("PluginDeliveryKind", "AFTER_HOOK", "An event that the plugin reacts to."),
    ("PluginDeliveryKind", "NOTIFY", "A message that the plugin sends."),
    ("PluginDeliveryState", "WAITING", "It is tried again."),
    ("PluginDeliveryState", "DEAD", "It failed too often. It can be replayed or discarded."),
    ("PluginJobOrigin", "SCHEDULE", "Its schedule says so."),
    ("PluginJobOrigin", "QUEUE", "A person or the plugin queued it."),
    ("PluginJobState", "WAITING", "It is due at `nextAt`."),
    ("PluginJobState", "RUNNING", "A step runs."),
    ("PluginJobState", "DONE", "It ended well."),
    ("PluginJobState", "DEAD", "It failed too often."),
    ("PluginJobState", "CANCELLED", "Somebody ended it."),
    ("PluginState", "INSTALLED", "It is there and was never enabled."),
    ("PluginState", "ENABLED", "It runs."),
    ("PluginState", "DISABLED", "It was switched off."),
    ("PluginState", "FAILED", "It could not be started."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_values_are_described_by_their_names() {
        assert_eq!(description("CourseMood", "VERY_GLAD"), "Very glad.");
        assert_eq!(description("OrderState", "PAID"), "It was paid, and what was bought is open.");
    }
}
