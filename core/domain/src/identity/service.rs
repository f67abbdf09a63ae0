//! What people do with their identity: one method a use case.

use std::time::Duration;

use lyceum_kernel::{ErrorCode, Event, Failure, Id, Result, Rule, Viewer};
use lyceum_store::{Database, Write};
use serde_json::json;

use super::{
    ADMIN, MEMBER, VISITOR, device,
    limit::{self, Limit, LimitRule, Pauses, forgive, give_back},
    mailbox_rows,
    model::{
        Actor, CreateUser, Email, Peer, PersonName, RegisterInput, SignedIn, check_new_password, could_be_a_password,
    },
    own_sessions::signed_in,
    password::{Hasher, HashingCost},
    roles::{self, MemberList, RoleBook},
    secret::{DeviceToken, Password, RefreshToken},
    session,
    store::{self, NewAccount},
    token::{Bearer, TokenKey},
};
use crate::limits;

/// How long tokens last, how expensive hashing is, how many tries there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityConfig {
    /// How long an access token is good. Default 15 minutes.
    pub access_token_ttl: Duration,
    /// How long a session lasts without being refreshed. Default 30 days.
    pub refresh_token_ttl: Duration,
    /// How long a session lasts however often it is refreshed. Default 400 days.
    pub session_ttl: Duration,
    /// How long after its first use a refresh token may come again, from
    /// another tab, without ending the session. Default 60 seconds.
    pub refresh_grace: Duration,
    pub hashing: HashingCost,
    /// In characters. Default 10.
    pub password_min: usize,
    /// Wrong passwords for one account from one network before pauses begin.
    pub sign_in_per_email_and_address: Limit,
    /// Wrong passwords for one account from all networks before pauses begin.
    pub sign_in_per_email: Limit,
    /// Wrong passwords from one network.
    pub sign_in_per_address: Limit,
    /// Refreshes of one person.
    pub refresh_per_person: Limit,
    /// Registrations from one network.
    pub register_per_address: Limit,
    /// Codes sent to one e-mail address, of each kind.
    pub mail_per_email: Limit,
    /// Codes asked for from one network.
    pub mail_per_address: Limit,
    /// Sign-ins through a provider begun from one network.
    pub begin_per_address: Limit,
    /// The address in a mail, with `{token}` and, if wanted, `{action}`. None:
    /// the mail has the code only.
    pub email_link: Option<String>,
    /// Where a provider may send people back to, letter by letter.
    pub redirect_uris: Vec<String>,
    /// Who may list all people.
    pub member_list: MemberList,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        Self {
            access_token_ttl: 15 * MINUTE,
            refresh_token_ttl: 30 * 24 * 60 * MINUTE,
            session_ttl: 400 * 24 * 60 * MINUTE,
            refresh_grace: MINUTE,
            hashing: HashingCost::default(),
            password_min: 10,
            sign_in_per_email_and_address: limits::SIGN_IN_ACCOUNT_NETWORK.limit(),
            sign_in_per_email: limits::SIGN_IN_ACCOUNT.limit(),
            sign_in_per_address: limits::SIGN_IN_NETWORK.limit(),
            refresh_per_person: limits::REFRESH.limit(),
            register_per_address: limits::REGISTER.limit(),
            mail_per_email: limits::MAIL_ADDRESS.limit(),
            mail_per_address: limits::MAIL_NETWORK.limit(),
            begin_per_address: limits::BEGIN_SIGN_IN.limit(),
            email_link: None,
            redirect_uris: Vec::new(),
            member_list: MemberList::default(),
        }
    }
}

impl IdentityConfig {
    pub(super) fn session_terms(&self) -> session::Terms {
        session::Terms { idle: self.refresh_token_ttl, whole: self.session_ttl }
    }

    /// What a try of a password is counted by. A known device is counted by
    /// itself alone, so that strangers do not use its tries up.
    fn password_limits(&self, email: &Email, device: Option<&DeviceToken>, peer: &Peer) -> Vec<(String, LimitRule)> {
        let pauses =
            |limit: Limit, longest| LimitRule::Pauses(Pauses { free: limit.tries, longest, remembered: limit.window });
        let narrow = pauses(self.sign_in_per_email_and_address, LONGEST_PAUSE);
        let account = account_key(email.as_str());
        if let Some(device) = device {
            return vec![(format!("{account}:device:{}", device.hash()), narrow)];
        }
        let wide = pauses(self.sign_in_per_email, LONGEST_ACCOUNT_PAUSE);
        let mut limits = vec![(near_key(email, peer), narrow), (account, wide)];
        limits.extend(peer.network().map(|n| (format!("sign-in:address:{n}"), self.sign_in_per_address.into())));
        limits
    }
}

impl IdentityConfig {
    /// How tries of one's own password are limited while one is signed in. They
    /// are counted by the person alone: strangers cannot use them up.
    pub(super) fn own_password_limit(&self, user: Id) -> (String, LimitRule) {
        let Limit { tries, window } = self.sign_in_per_email_and_address;
        (own_password_key(user), LimitRule::Pauses(Pauses { free: tries, longest: LONGEST_PAUSE, remembered: window }))
    }
}

/// What wrong tries of one's own password are counted by.
pub(super) fn own_password_key(user: Id) -> String {
    format!("password:{user}")
}

/// The longest pause of one network, or of a known device, for one account.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The longest pause of an account for all networks together. Short, since its
/// owner waits too when many networks guess.
const LONGEST_ACCOUNT_PAUSE: Duration = Duration::from_secs(60);

/// What wrong passwords for an account are counted by.
pub(super) fn account_key(email: &str) -> String {
    format!("sign-in:email:{email}")
}

/// The same, from one network.
fn near_key(email: &Email, peer: &Peer) -> String {
    let network = peer.network().unwrap_or_else(|| "unknown".to_owned());
    format!("{}:from:{network}", account_key(email.as_str()))
}

/// Accounts, sessions and roles.
pub struct Identity {
    pub(super) db: Database,
    pub(super) key: TokenKey,
    pub(super) roles: RoleBook,
    pub(super) config: IdentityConfig,
    pub(super) hasher: Hasher,
}

impl Identity {
    /// Seeds the built-in roles that are missing and reads all roles.
    ///
    /// # Errors
    /// Internal: the database does not answer or the hashing cost is impossible.
    pub async fn open(db: Database, config: IdentityConfig, key: TokenKey) -> Result<Self> {
        let write = db.write().await?;
        roles::seed(&write).await?;
        write.commit().await?;
        let (roles, hasher) = (RoleBook::open(&db, config.member_list).await?, Hasher::new(&config.hashing)?);
        Ok(Self { db, key, roles, config, hasher })
    }

    /// Makes an account and signs in.
    ///
    /// # Errors
    /// BAD_USER_INPUT at the wrong field; CONFLICT at `input.email` when the
    /// address is taken (registration tells that by its nature); RATE_LIMITED.
    pub async fn register(&self, input: RegisterInput, peer: &Peer) -> Result<SignedIn> {
        let (email, name) = (Email::parse(&input.email)?, PersonName::parse(&input.name)?);
        check_new_password(&input.password, self.config.password_min)?;
        if let Some(network) = peer.network() {
            let _counts_even_when_it_fails =
                limit::take(&self.db, vec![(format!("register:{network}"), self.config.register_per_address.into())])
                    .await?;
        }
        // Before the address is looked up, so that time does not tell more.
        let password_hash = self.hasher.hash(&input.password).await?;
        let account = NewAccount {
            email: &email,
            name: &name,
            password_hash: Some(&password_hash),
            locale: input.locale.as_str(),
        };
        let mut write = self.db.write().await?;
        let user = insert(&write, &account).await?;
        write.emit(&Event::new("user", "registered", user).by(Some(user))).await?;
        self.begin_session(write, user, None, peer).await
    }

    /// Signs in. Only wrong passwords count. A success forgives those of its
    /// account from the same network, or of the device that is known; never
    /// those of others, who may still be guessing.
    ///
    /// # Errors
    /// INVALID_CREDENTIALS whether the account or the password is wrong;
    /// RATE_LIMITED; FORBIDDEN when the password is right and the account disabled.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &Password,
        device: Option<DeviceToken>,
        peer: &Peer,
    ) -> Result<SignedIn> {
        let email = Email::parse(email)?;
        let known = self.known_device(&email, device).await?;
        let limits = self.config.password_limits(&email, known.as_ref(), peer);
        let own = limits[0].0.clone();
        let tries = limit::take(&self.db, limits).await?;
        let user = self.authenticate(&email, password).await?;
        let mut write = self.db.write().await?;
        give_back(&write, tries).await?;
        forgive(&write, &own).await?;
        write.emit(&Event::new("user", "signed-in", user).by(Some(user))).await?;
        self.begin_session(write, user, known, peer).await
    }

    /// A token that is wrong or another account's is as none.
    async fn known_device(&self, email: &Email, device: Option<DeviceToken>) -> Result<Option<DeviceToken>> {
        let Some(token) = device else { return Ok(None) };
        Ok(device::is_known(&self.db, email, &token).await?.then_some(token))
    }

    async fn authenticate(&self, email: &Email, password: &Password) -> Result<Id> {
        let wrong = || Failure::new(ErrorCode::InvalidCredentials, "The e-mail address or the password is wrong.");
        if !could_be_a_password(password) {
            return Err(wrong());
        }
        let account = store::account(&self.db, email).await?;
        let right = self.hasher.verify(password, account.as_ref().and_then(|a| a.password_hash.as_ref())).await?;
        match account {
            Some(account) if right && account.disabled => {
                Err(Failure::new(ErrorCode::Forbidden, "This account is disabled."))
            }
            Some(account) if right => Ok(account.id),
            _ => Err(wrong()),
        }
    }

    async fn begin_session(&self, write: Write, user: Id, known: Option<DeviceToken>, peer: &Peer) -> Result<SignedIn> {
        let open = session::open(&write, user, peer.agent(), self.config.session_terms()).await?;
        let mut signed_in = self.signed_in(user, open)?;
        signed_in.device_token = Some(device::note(&write, user, known).await?);
        write.commit().await?;
        Ok(signed_in)
    }

    pub(super) fn signed_in(&self, user: Id, open: session::Open) -> Result<SignedIn> {
        let bearer = Bearer { user, session: open.session };
        let (access_token, access_expires_at) = self.key.sign(bearer, self.db.now(), self.config.access_token_ttl)?;
        let session::Open { session, refresh_token, refresh_expires_at } = open;
        let device_token = None;
        Ok(SignedIn { user, session, access_token, access_expires_at, refresh_token, refresh_expires_at, device_token })
    }

    /// Exchanges a refresh token for new tokens of the same session. A token
    /// that comes a second time ends the session, unless that is within the
    /// grace after its first use: then another tab has the new tokens.
    ///
    /// # Errors
    /// SESSION_REFRESHED within the grace; RATE_LIMITED; otherwise
    /// SESSION_REVOKED, whatever is wrong with the token.
    pub async fn refresh(&self, token: &RefreshToken) -> Result<SignedIn> {
        // Anybody may send nonsense: only what is good, or a theft, takes a writer.
        let seen = session::look_up(&self.db, token).await?.ok_or_else(ended)?;
        if let Some(refusal) = refusal(seen.standing(self.db.now(), self.config.refresh_grace)) {
            return Err(refusal);
        }
        let write = self.db.write().await?;
        let presented = session::present(&write, token).await?.ok_or_else(ended)?;
        let standing = presented.standing(write.now(), self.config.refresh_grace);
        if standing == session::Standing::UsedAgain {
            revoke_stolen(write, &presented).await?;
            return Err(ended());
        }
        if let Some(refusal) = refusal(standing) {
            return Err(refusal);
        }
        limit::take_within(&write, &format!("refresh:{}", presented.user), self.config.refresh_per_person).await?;
        let open = session::rotate(&write, &presented, token, self.config.session_terms()).await?;
        let signed_in = self.signed_in(presented.user, open)?;
        write.commit().await?;
        Ok(signed_in)
    }

    /// Ends the viewer's session. Its access token stops at once.
    ///
    /// # Errors
    /// UNAUTHENTICATED when there is no session.
    pub async fn sign_out(&self, viewer: &Viewer) -> Result<()> {
        let (user, session) = signed_in(viewer)?;
        let mut write = self.db.write().await?;
        if session::revoke(&write, session).await? {
            write.emit(&Event::new("user", "signed-out", user).by(Some(user))).await?;
        }
        write.commit().await
    }

    /// Makes an account for somebody else.
    ///
    /// # Errors
    /// FORBIDDEN; BAD_USER_INPUT at the wrong field, `input.roles` when a role
    /// does not exist; CONFLICT at `input.email`.
    pub async fn create_user(&self, actor: Actor<'_>, input: CreateUser) -> Result<Id> {
        actor.may_create_users()?;
        let roles = stored_roles(&input.roles);
        if !roles.is_empty() {
            actor.may_manage_roles()?;
        }
        let (email, name) = (Email::parse(&input.email)?, PersonName::parse(&input.name)?);
        check_new_password(&input.password, self.config.password_min)?;
        let password_hash = self.hasher.hash(&input.password).await?;
        let account = NewAccount {
            email: &email,
            name: &name,
            password_hash: Some(&password_hash),
            locale: input.locale.as_str(),
        };
        let mut write = self.db.write().await?;
        let user = insert(&write, &account).await?;
        give_roles(&write, user, &roles).await?;
        write.emit(&Event::new("user", "created", user).by(actor.id()).with(json!({ "roles": roles }))).await?;
        write.commit().await?;
        Ok(user)
    }

    /// Gives a person exactly these roles, and returns them. They count from the
    /// next request on.
    ///
    /// # Errors
    /// FORBIDDEN; NOT_FOUND at `input.userId`; BAD_USER_INPUT at `input.roles`;
    /// INVALID_STATE when nobody would be an administrator any more.
    pub async fn set_roles(&self, actor: Actor<'_>, user: Id, roles: &[String]) -> Result<Vec<String>> {
        actor.may_manage_roles()?;
        let roles = stored_roles(roles);
        let mut write = self.db.write().await?;
        let admins = store::locked_admins(&write).await?;
        found(&write, user).await?;
        if store::roles_of(&write, user).await? == roles {
            return Ok(roles);
        }
        give_roles(&write, user, &roles).await?;
        if !roles.iter().any(|role| role == ADMIN) {
            is_not_the_last(&admins, user)?;
        }
        let event = Event::new("user", "roles-changed", user).by(actor.id());
        write.emit(&event.with(json!({ "roles": roles }))).await?;
        write.commit().await?;
        Ok(roles)
    }

    /// Takes the address of an account as proven, on the word of who runs the
    /// server.
    ///
    /// # Errors
    /// FORBIDDEN without the right to manage users; NOT_FOUND.
    pub async fn take_as_proven(&self, actor: Actor<'_>, user: Id) -> Result<()> {
        actor.may_manage_users()?;
        let mut write = self.db.write().await?;
        let mailbox = mailbox_rows::mailbox_of(&self.db, user).await?.ok_or_else(|| Failure::not_found("user"))?;
        mailbox_rows::set_verified(&write, user, &mailbox.email).await?;
        if !mailbox.verified {
            write.emit(&Event::new("user", "email-verified", user).by(actor.id())).await?;
        }
        write.commit().await
    }

    /// Disables an account, which ends all its sessions, or enables it again.
    ///
    /// # Errors
    /// FORBIDDEN; NOT_FOUND at `input.userId`; INVALID_STATE when nobody would be
    /// an administrator any more.
    pub async fn set_disabled(&self, actor: Actor<'_>, user: Id, disabled: bool) -> Result<()> {
        actor.may_manage_users()?;
        let mut write = self.db.write().await?;
        let admins = store::locked_admins(&write).await?;
        found(&write, user).await?;
        if disabled {
            is_not_the_last(&admins, user)?;
        }
        if store::set_disabled(&write, user, disabled).await? {
            session::revoke_all(&write, user).await?;
            let what = if disabled { "disabled" } else { "enabled" };
            write.emit(&Event::new("user", what, user).by(actor.id())).await?;
        }
        write.commit().await
    }

    /// Makes a role or replaces its rules. Signed-in viewers have the new
    /// rules from their next request on, on every server.
    ///
    /// # Errors
    /// FORBIDDEN; INVALID_STATE for `admin`; BAD_USER_INPUT at `input.key`.
    pub async fn put_role(&self, actor: Actor<'_>, key: &str, rules: &[Rule]) -> Result<()> {
        actor.may_manage_roles()?;
        if key == ADMIN {
            return Err(Failure::new(ErrorCode::InvalidState, "The rules of admin cannot be changed."));
        }
        let named = (1..=40).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if !named {
            return Err(Failure::input("input.key", "A role's key has 1 to 40 characters of a-z and \"-\"."));
        }
        let write = self.db.write().await?;
        store::put_role(&write, key, rules).await?;
        write.commit().await?;
        self.roles.reload(&self.db).await
    }
}

pub(super) async fn insert(write: &Write, account: &NewAccount<'_>) -> Result<Id> {
    store::insert_account(write, account).await.map_err(|failure| match failure.code() {
        ErrorCode::Conflict => taken(),
        _ => failure,
    })
}

pub(super) fn taken() -> Failure {
    Failure::new(ErrorCode::Conflict, "Somebody has this e-mail address already.").at("input.email")
}

async fn found(write: &Write, user: Id) -> Result<()> {
    let exists = store::account_exists(write, user).await?;
    if exists { Ok(()) } else { Err(Failure::not_found("user").at("input.userId")) }
}

/// Without an administrator nobody could make one again.
fn is_not_the_last(admins: &[Id], user: Id) -> Result<()> {
    if admins != [user] {
        return Ok(());
    }
    let text = "This is the only administrator. Give the role to somebody else first.";
    Err(Failure::new(ErrorCode::InvalidState, text))
}

async fn give_roles(write: &Write, user: Id, roles: &[String]) -> Result<()> {
    if store::assign_roles(write, user, roles).await? {
        Ok(())
    } else {
        Err(Failure::input("input.roles", "There is no such role."))
    }
}

/// The roles that are written down: those that not everybody has, each once.
fn stored_roles(keys: &[String]) -> Vec<String> {
    let mut roles: Vec<String> = keys.iter().filter(|key| *key != VISITOR && *key != MEMBER).cloned().collect();
    roles.sort();
    roles.dedup();
    roles
}

fn ended() -> Failure {
    Failure::new(ErrorCode::SessionRevoked, "The session has ended. Sign in again.")
}

/// Why a token is refused, when nothing is to be written for it.
fn refusal(standing: session::Standing) -> Option<Failure> {
    let text = "Another tab has just refreshed this session. It goes on with the tokens that were answered there.";
    match standing {
        session::Standing::Good | session::Standing::UsedAgain => None,
        session::Standing::JustUsed => Some(Failure::new(ErrorCode::SessionRefreshed, text)),
        session::Standing::Ended => Some(ended()),
    }
}

async fn revoke_stolen(mut write: Write, presented: &session::Presented) -> Result<()> {
    if session::revoke(&write, presented.session).await? {
        let event = Event::new("session", "revoked", presented.session);
        write.emit(&event.with(json!({ "user": presented.user, "reason": "refresh-token-reused" }))).await?;
        tracing::warn!(session = %presented.session, user = %presented.user, "a refresh token was used twice");
    }
    write.commit().await
}
