//! Sign-in through providers, proven mail addresses, new passwords, and the
//! message that tests a carrier.

use lyceum_domain::identity::{AttemptSecret, BeginSignIn, CompleteSignIn, MailCode, Password, SignInState};
use lyceum_kernel::Result;
use serde_json::{Map, Value as Json};

use super::{
    Call, Done, Made, Registry,
    identity::{done, session_payload},
    text_at,
};
use crate::{
    inputs::{Input, InputType},
    outputs::Output,
};

pub fn register(registry: &mut Registry<'_>) {
    through_providers(registry);
    by_mail(registry);
    registry.add(
        "testNotification",
        "Sends a test message to an address. For those who manage plugins.",
        vec![
            Input::new("channel", InputType::String, "`mail`, `sms` or `push`.").required(),
            Input::new("address", InputType::String, "A mail address, a phone number, or a device's token.").required(),
        ],
        vec![Output::new(
            "carrier",
            "String",
            "The plugin that carries it; null when it waits for one, or is printed to the log in development.",
        )],
        test_notification,
    );
}

fn through_providers(registry: &mut Registry<'_>) {
    registry.add(
        "beginSignIn",
        "Begins a sign-in through a provider. The person goes to `url`; the browser keeps `attempt`.",
        vec![
            Input::new("provider", InputType::String, "A key of `signInProviders`.").required(),
            Input::new(
                "redirectUri",
                InputType::String,
                "Where the provider sends the person back to: an address of the owner's list.",
            )
            .required(),
            Input::new("locale", InputType::String, "The person's language."),
        ],
        vec![
            Output::new("url", "String", "The provider's page.").required(),
            Output::new(
                "attempt",
                "String",
                "A secret for `completeSignIn`. Keep it in this browser, in a cookie or in its session storage.",
            )
            .required(),
        ],
        begin,
    );
    registry.inputs.object(
        "SignInParam",
        "A parameter with which the provider sent the person back.",
        vec![
            Input::new("name", InputType::String, "The name.").required(),
            Input::new("value", InputType::String, "The value, decoded.").required(),
        ],
    );
    registry.add(
        "completeSignIn",
        "Ends a sign-in through a provider, within ten minutes and once. It makes an account when there is none.",
        vec![
            Input::new("provider", InputType::String, "The key, as in `beginSignIn`.").required(),
            Input::new("params", InputType::Object("SignInParam".into()), "All parameters that came back.")
                .required()
                .list(),
            Input::new("state", InputType::String, "The parameter `state`.").required(),
            Input::new("attempt", InputType::String, "What `beginSignIn` answered in the same browser.").required(),
        ],
        session_payload(),
        complete,
    );
}

fn by_mail(registry: &mut Registry<'_>) {
    let sent = || {
        let text = "True: if there is something to send, it is on its way.";
        vec![Output::new("sent", "Boolean", text).required()]
    };
    registry.add(
        "requestEmailVerification",
        "Sends the viewer a code that proves the e-mail address of the account.",
        Vec::new(),
        sent(),
        request_verification,
    );
    registry.add(
        "verifyEmail",
        "Takes the viewer's e-mail address as proven, by the code that was sent to it. The code is good for 24 hours, once.",
        vec![Input::new("token", InputType::String, "The code.").required()],
        vec![Output::new("verified", "Boolean", "True: the address is proven.").required()],
        verify,
    );
    registry.add(
        "requestPasswordReset",
        "Sends a code for a new password, if the address has an account. The answer does not tell.",
        vec![Input::new("email", InputType::String, "The e-mail address.").required()],
        sent(),
        request_reset,
    );
    registry.add(
        "resetPassword",
        "Sets a new password by the code that was sent, and ends all sessions. The code is good for an hour, once.",
        vec![
            Input::new("token", InputType::String, "The code.").required(),
            Input::new("password", InputType::String, "The new password; at least 10 characters.").required(),
        ],
        vec![Output::new("passwordSet", "Boolean", "True: sign in with it.").required()],
        reset,
    );
    registry.add(
        "changePassword",
        "Sets a new password for the viewer, who gives the current one. Ends all other sessions and informs the owner by mail. An account without a password gets its first one with `requestPasswordReset`.",
        vec![
            Input::new("currentPassword", InputType::String, "The current password.").required(),
            Input::new("newPassword", InputType::String, "The new password; at least 10 characters.").required(),
        ],
        vec![
            Output::new("passwordSet", "Boolean", "True: the new password is set.").required(),
            Output::new("deviceToken", "String", "For `signIn` on this device, in place of the one it had.").required(),
        ],
        change_password,
    );
    registry.add(
        "changeEmail",
        "Sends a code to the e-mail address that the viewer's account is to have, and informs the present one. Nothing changes until `confirmEmailChange`.",
        vec![
            Input::new("email", InputType::String, "The new e-mail address.").required(),
            Input::new("currentPassword", InputType::String, "The current password, if the account has one."),
        ],
        vec![Output::new("sent", "Boolean", "True: the code is on its way.").required()],
        change_email,
    );
    registry.add(
        "confirmEmailChange",
        "Gives the viewer's account the new e-mail address, by the code that was sent there. The code is good for an hour, once. Sessions go on.",
        vec![Input::new("token", InputType::String, "The code.").required()],
        vec![Output::new("user", "User", "The viewer.")],
        confirm_email_change,
    );
}

async fn change_password(call: Call, input: Map<String, Json>) -> Result<Done> {
    let [current, new] = ["currentPassword", "newPassword"].map(|name| Password::new(text_at(&input, name)));
    let device = call.domains.email_proofs.change_password(&call.viewer, &current, &new).await?;
    Ok(Done::new(vec![("passwordSet", Made::Json(true.into())), ("deviceToken", Made::Json(device.expose().into()))]))
}

async fn change_email(call: Call, input: Map<String, Json>) -> Result<Done> {
    let password = input.get("currentPassword").and_then(Json::as_str).map(Password::new);
    let (proofs, email) = (&call.domains.email_proofs, text_at(&input, "email"));
    proofs.change_email(&call.viewer, email, password.as_ref(), &call.peer).await?;
    Ok(Done::new(vec![("sent", Made::Json(true.into()))]))
}

async fn confirm_email_change(call: Call, input: Map<String, Json>) -> Result<Done> {
    let code = MailCode::new(text_at(&input, "token"));
    let user = call.domains.email_proofs.confirm_email_change(&call.viewer, &code).await?;
    Ok(Done::new(vec![("user", Made::Entity("user".to_owned(), user))]))
}

async fn begin(call: Call, input: Map<String, Json>) -> Result<Done> {
    let asked = BeginSignIn {
        provider: text_at(&input, "provider").to_owned(),
        redirect_uri: text_at(&input, "redirectUri").to_owned(),
        locale: input.get("locale").and_then(Json::as_str).map(str::to_owned),
    };
    let begun = call.domains.sign_ins.begin(&asked, &call.peer).await?;
    let attempt = begun.attempt.expose().to_owned();
    Ok(Done::new(vec![("url", Made::Json(begun.url.into())), ("attempt", Made::Json(attempt.into()))]))
}

async fn complete(call: Call, input: Map<String, Json>) -> Result<Done> {
    let given = input.get("params").and_then(Json::as_array).into_iter().flatten();
    let text = |param: &Json, name: &str| param[name].as_str().unwrap_or_default().to_owned();
    let asked = CompleteSignIn {
        provider: text_at(&input, "provider").to_owned(),
        params: given.map(|param| (text(param, "name"), text(param, "value"))).collect(),
        state: SignInState::new(text_at(&input, "state")),
        attempt: AttemptSecret::new(text_at(&input, "attempt")),
    };
    let signed_in = call.domains.sign_ins.complete(asked, &call.peer).await?;
    done(&call, signed_in).await
}

async fn request_verification(call: Call, _input: Map<String, Json>) -> Result<Done> {
    call.domains.email_proofs.request_verification(&call.viewer, &call.peer).await?;
    Ok(Done::new(vec![("sent", Made::Json(true.into()))]))
}

async fn verify(call: Call, input: Map<String, Json>) -> Result<Done> {
    call.domains.email_proofs.verify(&call.viewer, &MailCode::new(text_at(&input, "token"))).await?;
    Ok(Done::new(vec![("verified", Made::Json(true.into()))]))
}

async fn request_reset(call: Call, input: Map<String, Json>) -> Result<Done> {
    call.domains.email_proofs.request_password_reset(text_at(&input, "email"), &call.peer).await?;
    Ok(Done::new(vec![("sent", Made::Json(true.into()))]))
}

async fn reset(call: Call, input: Map<String, Json>) -> Result<Done> {
    let (code, password) = (MailCode::new(text_at(&input, "token")), Password::new(text_at(&input, "password")));
    call.domains.email_proofs.reset_password(&code, &password).await?;
    Ok(Done::new(vec![("passwordSet", Made::Json(true.into()))]))
}

async fn test_notification(call: Call, input: Map<String, Json>) -> Result<Done> {
    let (channel, address) = (text_at(&input, "channel"), text_at(&input, "address"));
    let locale = call.domains.locales.default_locale();
    let carrier = call.domains.notifications.test(&call.viewer, channel, address, locale).await?;
    Ok(Done::new(vec![("carrier", Made::Json(carrier.into()))]))
}
