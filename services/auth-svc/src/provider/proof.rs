//! Asking for a proof by mail: recovery, sign-in by mail, a mail once more.
//!
//! Whether an address has an account shows in no answer, and hardly in time: every request commits one transaction.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Map, Value, json};
use service_kit::Kit;
use uuid::Uuid;

use super::{
    EmailAddress, Fault, Origin, Provider,
    letter::Letter,
    metadata::{self, InvalidMetadata},
    one_time::{self, Purpose, Secret},
    pkce::{self, Challenge},
    record,
};
use crate::store::{
    one_time_token::{self as tokens, OneTimeToken},
    user::{self as users, NewUser, Sent, User},
};

/// To a reader who did not ask for what changes nothing.
pub(super) const IGNORE: &str = "If it was not you who asked, ignore this mail: nothing changes.";
/// To a reader who did not ask for what has changed.
pub(super) const ALARM: &str = "If it was not you, set a new password at once and reply to this mail.";

/// What `amr` says of a session that began with a proof by mail.
pub const PROOF: &str = "otp";

/// How the person who gets the mail is to go on.
#[derive(Debug, Clone, Default)]
pub struct Continuation {
    /// Where the link leads after the proof; an address that [`super::redirect::Redirects`] chose.
    pub redirect_to: String,
    /// The challenge of a client that waits for the sign-in.
    pub challenge: Option<Challenge>,
}

/// Which mail is to be sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// That of the sign-up.
    SignUp,
    /// Those of a change of address.
    EmailChange,
}

/// Why no mail was sent.
#[derive(Debug, thiserror::Error)]
pub enum MagicLinkError {
    /// The metadata of the new account.
    #[error(transparent)]
    InvalidMetadata(#[from] InvalidMetadata),
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<diesel::result::Error> for MagicLinkError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Mails a link and a code that let the person set a new password.
///
/// # Errors
/// [`Fault`].
pub async fn recover(kit: &Kit, provider: &Provider, email: &EmailAddress, go_on: &Continuation, origin: &Origin) -> Result<(), Fault> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let user = mailable(connection, email, now).await?;
            if let Some(user) = &user {
                send(connection, provider, user, Purpose::Recovery, go_on, now).await?;
            }
            note(connection, user.as_ref(), "user.recovery_requested", origin, now).await
        })
        .await
}

/// Mails a link and a code that sign in; makes the account first when it may.
///
/// # Errors
/// [`MagicLinkError`].
pub async fn magic_link(
    kit: &Kit,
    provider: &Provider,
    email: &EmailAddress,
    create: Option<Map<String, Value>>,
    go_on: &Continuation,
    origin: &Origin,
) -> Result<(), MagicLinkError> {
    let now = provider.clock.now();
    let metadata = create.map(|data| metadata::merge(&json!({}), data, metadata::OURS_OF_USERS)).transpose()?;
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let mut user = users::lock_by_email(connection, email.as_str()).await?;
            if let (None, Some(metadata)) = (&user, metadata) {
                let id = Uuid::now_v7();
                let new =
                    NewUser { id, email: email.as_str(), password_hash: None, confirmed: false, user_metadata: owned(metadata, id, email) };
                user = users::insert(connection, &new, now).await?;
                record(connection, Some(id), "user.sign_up", "done", json!({"proof": PROOF}), origin, now).await?;
            }
            let user = user.filter(|user| !user.is_banned(now));
            if let Some(user) = &user {
                send(connection, provider, user, Purpose::MagicLink, go_on, now).await?;
            }
            note(connection, user.as_ref(), "user.magic_link_requested", origin, now).await?;
            Ok::<_, MagicLinkError>(())
        })
        .await
}

/// Sends a mail once more, with another link and code. An address that waits for none gets none.
///
/// # Errors
/// [`Fault`].
pub async fn resend(
    kit: &Kit,
    provider: &Provider,
    email: &EmailAddress,
    repeat: Repeat,
    go_on: &Continuation,
    origin: &Origin,
) -> Result<(), Fault> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let user = mailable(connection, email, now).await?;
            match (&user, repeat) {
                (Some(user), Repeat::SignUp) if user.email_confirmed_at.is_none() => {
                    send(connection, provider, user, Purpose::Confirmation, go_on, now).await?;
                }
                (Some(User { id, new_email: Some(new_email), .. }), Repeat::EmailChange) => {
                    begin_email_change(connection, provider, *id, new_email, go_on, now).await?;
                }
                _ => {}
            }
            note(connection, user.as_ref(), "user.mail_requested", origin, now).await
        })
        .await
}

/// Asks both addresses to agree, anew.
pub(super) async fn begin_email_change(
    connection: &mut AsyncPgConnection,
    provider: &Provider,
    user: Uuid,
    new_email: &str,
    go_on: &Continuation,
    now: DateTime<Utc>,
) -> Result<Option<User>, Fault> {
    let Some(user) = users::begin_email_change(connection, user, new_email, now).await? else { return Ok(None) };
    send(connection, provider, &user, Purpose::EmailChangeCurrent, go_on, now).await?;
    send(connection, provider, &user, Purpose::EmailChangeNew, go_on, now).await?;
    Ok(Some(user))
}

async fn mailable(connection: &mut AsyncPgConnection, email: &EmailAddress, now: DateTime<Utc>) -> Result<Option<User>, Fault> {
    Ok(users::lock_by_email(connection, email.as_str()).await?.filter(|user| !user.is_banned(now)))
}

async fn note(
    connection: &mut AsyncPgConnection,
    user: Option<&User>,
    action: &str,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let outcome = if user.is_some() { "done" } else { "refused" };
    Ok(record(connection, user.map(|user| user.id), action, outcome, json!({}), origin, now).await?)
}

/// The user's own metadata with the members that we write.
pub(super) fn owned(metadata: Value, id: Uuid, email: &EmailAddress) -> Value {
    let mut members = match metadata {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    members.insert("sub".into(), json!(id));
    members.insert("email".into(), json!(email.as_str()));
    members.insert("email_verified".into(), json!(false));
    members.insert("phone_verified".into(), json!(false));
    Value::Object(members)
}

/// Stores a proof in the place of an older one of its purpose and writes the mail with it.
pub(super) async fn send(
    connection: &mut AsyncPgConnection,
    provider: &Provider,
    user: &User,
    purpose: Purpose,
    go_on: &Continuation,
    now: DateTime<Utc>,
) -> Result<Option<User>, Fault> {
    let flow = match &go_on.challenge {
        Some(challenge) => Some(pkce::begin(connection, user.id, challenge, PROOF, now).await?),
        None => None,
    };
    let Some((token, secret)) = make(connection, user, purpose, flow, now).await? else { return Ok(None) };
    let letter = letter(provider, user, purpose, &secret, &go_on.redirect_to, token.id);
    mail::enqueue(connection, now, &letter.to(&token.address)).await?;
    note_sent(connection, user.id, purpose, now).await
}

/// Stores a proof in the place of an older one of its purpose, for whoever is to know its secret. `None` when the user has no
/// address for the purpose.
pub(super) async fn make(
    connection: &mut AsyncPgConnection,
    user: &User,
    purpose: Purpose,
    flow: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Option<(OneTimeToken, Secret)>, Fault> {
    let address = match purpose {
        Purpose::EmailChangeNew => user.new_email.as_deref(),
        _ => user.email.as_deref(),
    };
    let Some(address) = address else { return Ok(None) };
    let (token, secret) = one_time::make(user.id, purpose, address, flow, now)?;
    tokens::replace(connection, &token).await?;
    Ok(Some((token, secret)))
}

/// Notes that a proof of the purpose is on its way; gives the user as it is then.
pub(super) async fn note_sent(
    connection: &mut AsyncPgConnection,
    user: Uuid,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<User>, Fault> {
    let sent = match purpose {
        Purpose::Confirmation => Sent::Confirmation,
        Purpose::Invite => Sent::Invitation,
        Purpose::Recovery | Purpose::MagicLink => Sent::Recovery,
        Purpose::Reauthentication => Sent::Reauthentication,
        Purpose::EmailChangeCurrent | Purpose::EmailChangeNew => return Ok(None),
    };
    Ok(users::sent(connection, user, sent, now).await?)
}

fn letter(provider: &Provider, user: &User, purpose: Purpose, secret: &Secret, redirect_to: &str, id: Uuid) -> Letter {
    let new_email = user.new_email.as_deref().unwrap_or_default();
    let (subject, says, label) = match purpose {
        Purpose::Confirmation => (
            "Confirm your address",
            "Welcome. Confirm that this address is yours, and your account is ready.".to_owned(),
            "Confirm the address",
        ),
        Purpose::Invite => ("You are invited", "Somebody made an account for you. Accept it, and you are signed in.".to_owned(), "Accept"),
        Purpose::Recovery => (
            "Set a new password",
            "You asked for a new password. The link signs you in, and then you can set one.".to_owned(),
            "Set a new password",
        ),
        Purpose::MagicLink => ("Sign in", "You asked to sign in. The link is good once.".to_owned(), "Sign in"),
        Purpose::EmailChangeCurrent => {
            ("Your address is to change", format!("Your account is to move to {new_email}. Both addresses have to agree."), "Agree")
        }
        Purpose::EmailChangeNew => (
            "Confirm your new address",
            format!("Your account is to move to {new_email}. Both addresses have to agree."),
            "Confirm the address",
        ),
        Purpose::Reauthentication => ("Your code", "Type this code to show that it is you.".to_owned(), ""),
    };
    let link = || {
        let fragment = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token_hash", &secret.link)
            .append_pair("type", purpose.link_type())
            .append_pair("redirect_to", redirect_to)
            .finish();
        // Behind #: the page asks the person before it redeems, since scanners of mail follow links.
        format!("{}/auth/confirm#{fragment}", provider.redirects.site())
    };
    Letter {
        reason: format!("{}/{id}", purpose.as_str()),
        subject: subject.to_owned(),
        says,
        button: (purpose != Purpose::Reauthentication).then(|| (label, link())),
        code: Some(secret.code.clone()),
        otherwise: IGNORE.to_owned(),
    }
}

/// Tells the owner of an account what happened to it.
pub(super) async fn notify(
    connection: &mut AsyncPgConnection,
    address: Option<&str>,
    subject: &str,
    says: &str,
    otherwise: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let Some(address) = address else { return Ok(()) };
    let letter = Letter {
        reason: format!("notice/{}", Uuid::now_v7()),
        subject: subject.to_owned(),
        says: says.to_owned(),
        button: None,
        code: None,
        otherwise: otherwise.to_owned(),
    };
    mail::enqueue(connection, now, &letter.to(address)).await?;
    Ok(())
}
