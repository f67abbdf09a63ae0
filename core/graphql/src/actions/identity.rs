//! Accounts and sessions.

use lyceum_domain::identity::{Actor, DeviceToken, Password, RefreshToken, RegisterInput, SignedIn, UpdateProfile};
use lyceum_kernel::{Failure, Locale, Result};
use serde_json::{Map, Value as Json};

use super::{Call, Done, Made, Registry, id_at, text_at};
use crate::{
    inputs::{Input, InputType},
    outputs::Output,
    own_sessions::PREFIX,
};

pub fn register(registry: &mut Registry<'_>) {
    registry.add(
        "register",
        "Makes an account and signs in.",
        vec![
            Input::new("email", InputType::String, "The e-mail address.").required(),
            Input::new("password", InputType::String, "At least 10 characters.").required(),
            Input::new("name", InputType::String, "What others see; 1 to 80 characters.").required(),
            Input::new("locale", InputType::String, "The preferred language."),
        ],
        session_payload(),
        sign_up,
    );
    registry.add(
        "signIn",
        "Signs in with e-mail address and password.",
        vec![
            Input::new("email", InputType::String, "The e-mail address.").required(),
            Input::new("password", InputType::String, "The password.").required(),
            Input::new(
                "deviceToken",
                InputType::String,
                "What this device was given at an earlier sign-in. With it the right password passes while strangers guess.",
            ),
        ],
        session_payload(),
        sign_in,
    );
    registry.add(
        "refreshSession",
        "Gives new tokens for a refresh token, which is good for one use. Of two tabs that refresh at once, the second is refused with SESSION_REFRESHED, and the session goes on with the tokens of the first.",
        vec![Input::new("refreshToken", InputType::String, "The refresh token.").required()],
        session_payload(),
        refresh,
    );
    let ended = Output::new("signedOut", "Boolean", "True: the session has ended.").required();
    registry.add("signOut", "Ends the session.", Vec::new(), vec![ended], sign_out);
    profile(registry);
    users(registry);
    registry.add(
        "signOutEverywhere",
        "Ends all of the viewer's sessions, including this one. Their tokens stop working at once, and no device is known any more.",
        Vec::new(),
        vec![Output::new("endedSessions", "Int", "How many sessions were open.").required()],
        sign_out_everywhere,
    );
    registry.add(
        "endSession",
        "Ends one of the viewer's sessions. Its tokens stop working at once.",
        vec![Input::new("id", InputType::Id, "A session of `mySessions`.").required()],
        vec![Output::new("ended", "Boolean", "True: the session has ended.").required()],
        end_session,
    );
}

fn users(registry: &mut Registry<'_>) {
    let user = || Input::new("userId", InputType::Id, "The person.").required();
    let person = || vec![Output::new("user", "User", "The person.")];
    registry.add(
        "disableUser",
        "Disables an account and ends its sessions at once. For those who manage users; the only administrator cannot be disabled.",
        vec![user()],
        person(),
        |call, input| set_disabled(call, input, true),
    );
    registry.add(
        "enableUser",
        "Lets the owner of a disabled account sign in again. For those who manage users.",
        vec![user()],
        person(),
        |call, input| set_disabled(call, input, false),
    );
    registry.add(
        "setUserRoles",
        "Gives a person exactly these roles, from the next request on. For those who manage roles; the only administrator stays one.",
        vec![
            user(),
            Input::new("roles", InputType::String, "Keys of roles: `author`, `editor`, `admin` or the owner's own.")
                .required()
                .list(),
        ],
        vec![
            Output::new("user", "User", "The person."),
            Output::new("roles", "String", "The roles beside `visitor` and `member`, which everybody has.").list(),
        ],
        set_user_roles,
    );
}

fn profile(registry: &mut Registry<'_>) {
    registry.inputs.object(
        "ProfileLinkInput",
        "A link of a profile.",
        vec![
            Input::new("label", InputType::String, "What others read; 1 to 80 characters.").required(),
            Input::new("url", InputType::String, "An address that begins with `https://` or `http://`.").required(),
        ],
    );
    registry.add(
        "updateProfile",
        "Changes the viewer's own profile. What is left out stays as it is; null clears biography, time zone and links.",
        vec![
            Input::new("name", InputType::String, "What others see; 1 to 80 characters."),
            Input::new("bio", InputType::String, "A biography in plain text; at most 2,000 characters."),
            Input::new("locale", InputType::String, "The preferred language, also of mails."),
            Input::new("timeZone", InputType::String, "A time zone by its IANA name, such as `Asia/Shanghai`."),
            Input::new("links", InputType::Object("ProfileLinkInput".into()), "All links, at most 10.").list(),
        ],
        vec![Output::new("user", "User", "The viewer.")],
        update_profile,
    );
}

pub(super) fn session_payload() -> Vec<Output> {
    vec![
        Output::new("accessToken", "String", "For the header `Authorization: Bearer …`.").required(),
        Output::new("refreshToken", "String", "For `refreshSession`, once.").required(),
        Output::new("expiresAt", "DateTime", "When the access token expires.").required(),
        Output::new("refreshExpiresAt", "DateTime", "When the refresh token expires.").required(),
        Output::new(
            "deviceToken",
            "String",
            "For `signIn` on this device, also after signing out. Null after `refreshSession`.",
        ),
        Output::new("user", "User", "The user."),
    ]
}

async fn sign_up(call: Call, input: Map<String, Json>) -> Result<Done> {
    let locales = &call.domains.locales;
    let locale = match input.get("locale").and_then(Json::as_str) {
        Some(asked) => locales.find(asked).map_err(|error| Failure::input("input.locale", error.to_string()))?,
        None => locales.default_locale(),
    };
    let request = RegisterInput {
        email: text_at(&input, "email").to_owned(),
        password: Password::new(text_at(&input, "password")),
        name: text_at(&input, "name").to_owned(),
        locale: locale.clone(),
    };
    let signed_in = call.domains.identity.register(request, &call.peer).await?;
    done(&call, signed_in).await
}

async fn sign_in(call: Call, input: Map<String, Json>) -> Result<Done> {
    let password = Password::new(text_at(&input, "password"));
    let device = input.get("deviceToken").and_then(Json::as_str).map(DeviceToken::new);
    let signed_in = call.domains.identity.sign_in(text_at(&input, "email"), &password, device, &call.peer).await?;
    done(&call, signed_in).await
}

async fn refresh(call: Call, input: Map<String, Json>) -> Result<Done> {
    let token = RefreshToken::new(text_at(&input, "refreshToken"));
    let signed_in = call.domains.sign_ins.refresh(&token).await?;
    done(&call, signed_in).await
}

async fn sign_out(call: Call, _input: Map<String, Json>) -> Result<Done> {
    call.domains.identity.sign_out(&call.viewer).await?;
    Ok(Done::new(vec![("signedOut", Made::Json(true.into()))]))
}

async fn set_disabled(call: Call, input: Map<String, Json>, disabled: bool) -> Result<Done> {
    let user = id_at(&input, "userId", "user")?;
    call.domains.identity.set_disabled(Actor::Viewer(&call.viewer), user, disabled).await?;
    Ok(Done::new(vec![("user", Made::Entity("user".to_owned(), user))]))
}

async fn set_user_roles(call: Call, input: Map<String, Json>) -> Result<Done> {
    let user = id_at(&input, "userId", "user")?;
    let keys = input.get("roles").and_then(Json::as_array).into_iter().flatten();
    let keys: Vec<String> = keys.filter_map(Json::as_str).map(str::to_owned).collect();
    let roles = call.domains.identity.set_roles(Actor::Viewer(&call.viewer), user, &keys).await?;
    Ok(Done::new(vec![("user", Made::Entity("user".to_owned(), user)), ("roles", Made::Json(roles.into()))]))
}

async fn update_profile(call: Call, input: Map<String, Json>) -> Result<Done> {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let locale = |asked: &Json| -> Result<Locale> {
        let found = call.domains.locales.find(asked.as_str().unwrap_or_default());
        found.cloned().map_err(|error| Failure::input("input.locale", error.to_string()))
    };
    let links = |links: &Json| serde_json::from_value(links.clone()).map_err(Failure::internal);
    let change = UpdateProfile {
        // Null is no name, and is refused as one that is empty.
        name: input.get("name").map(|name| text(name).unwrap_or_default()),
        bio: input.get("bio").map(text),
        locale: input.get("locale").map(locale).transpose()?,
        time_zone: input.get("timeZone").map(text),
        links: input.get("links").map(links).transpose()?,
    };
    let user = call.domains.identity.update_profile(&call.viewer, &change).await?;
    Ok(Done::new(vec![("user", Made::Entity("user".to_owned(), user))]))
}

async fn sign_out_everywhere(call: Call, _input: Map<String, Json>) -> Result<Done> {
    let ended = call.domains.identity.sign_out_everywhere(&call.viewer).await?;
    Ok(Done::new(vec![("endedSessions", Made::Json(ended.into()))]))
}

async fn end_session(call: Call, input: Map<String, Json>) -> Result<Done> {
    let session = id_at(&input, "id", PREFIX)?;
    call.domains.identity.end_session(&call.viewer, session).await?;
    Ok(Done::new(vec![("ended", Made::Json(true.into()))]))
}

/// The payload is read as the one who has just signed in.
pub(super) async fn done(call: &Call, session: SignedIn) -> Result<Done> {
    let viewer = call.domains.identity.viewer_for(Some(session.access_token.expose())).await?;
    let text = |text: String| Made::Json(Json::String(text));
    let made = Made::fields(vec![
        ("accessToken", text(session.access_token.expose().to_owned())),
        ("refreshToken", text(session.refresh_token.expose().to_owned())),
        ("expiresAt", text(session.access_expires_at.to_string())),
        ("refreshExpiresAt", text(session.refresh_expires_at.to_string())),
        ("deviceToken", Made::Json(session.device_token.map(|token| token.expose().to_owned()).into())),
        ("user", Made::Entity("user".to_owned(), session.user)),
    ]);
    Ok(Done { made, viewer: Some(viewer) })
}
