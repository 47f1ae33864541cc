//! SMTP: one connection per mail, encrypted unless the server is on this machine or the operator says otherwise.

use std::{error::Error, io, time::Duration};

use anyhow::{Context, bail, ensure};
use async_trait::async_trait;
use lettre::{
    Address, Message,
    message::{
        Attachment, Mailbox, MultiPart,
        header::{ContentType, ContentTypeErr},
    },
    transport::smtp::{
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};
use service_kit::config::is_local_host;
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use url::Url;

use crate::transport::{ATTEMPT_LIMIT, OPERATOR_PAUSE, Outgoing, SendError, Transport};

/// An attempt, and the goodbye after it: the mail is in the server's hands by then.
const HAND_OVER_LIMIT: Duration = Duration::from_secs(9);
const QUIT_LIMIT: Duration = Duration::from_secs(1);
const _: () = assert!(HAND_OVER_LIMIT.as_secs() + QUIT_LIMIT.as_secs() <= ATTEMPT_LIMIT.as_secs());

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    /// From the first byte (RFC 8314, 3.3): `smtps://`.
    Implicit,
    /// By `STARTTLS`, which the server must offer: `smtp://`.
    StartTls,
    /// Not at all: `smtp://` to this machine, or with `?tls=none`.
    None,
}

/// Where mails are handed in: `smtps://user:password@host`, `smtp://user:password@host:587`, `smtp://localhost:25`.
#[derive(Clone)]
pub(crate) struct SmtpUrl {
    host: String,
    port: u16,
    credentials: Option<Credentials>,
    encryption: Encryption,
    local: bool,
}

impl SmtpUrl {
    /// Reads the setting. Its text, which may hold a password, is in no error.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let url = Url::parse(text).map_err(|_| anyhow::anyhow!("is no URL"))?;
        let host = url.host_str().filter(|host| !host.is_empty()).context("names no host")?.to_owned();
        let local = is_local_host(text);
        let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        let (encryption, usual) = match (url.scheme(), tls.as_deref()) {
            ("smtps", None) => (Encryption::Implicit, 465),
            ("smtp", None) if local => (Encryption::None, 25),
            ("smtp", None) => (Encryption::StartTls, 587),
            ("smtp", Some("none")) => (Encryption::None, 25),
            ("smtp" | "smtps", Some(_)) => bail!("has a tls that is not none, which only smtp:// may have"),
            _ => bail!("is neither smtp:// nor smtps://"),
        };
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().map(Into::into);
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(decoded(url.username())?, decoded(password)?)),
            None if url.username().is_empty() => None,
            None => bail!("has a user and no password"),
        };
        ensure!(credentials.is_none() || encryption != Encryption::None || local, "would send a password unencrypted");
        Ok(Self { host, port: url.port().unwrap_or(usual), credentials, encryption, local })
    }

    /// Whether nobody on the way can read the mails.
    pub(crate) fn is_private(&self) -> bool {
        self.encryption != Encryption::None || self.local
    }
}

/// Sends through an SMTP server.
pub(crate) struct Smtp {
    server: SmtpUrl,
    tls: TlsParameters,
    from: Mailbox,
    hello: ClientId,
}

/// What was going on when the server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Greeting, encryption and sign-in: of no mail in particular.
    Session(&'static str),
    /// One mail: its recipient or its text.
    OfTheMail(&'static str),
}

impl Phase {
    /// Codes and kinds only: a server's words may repeat addresses. A refusal of the session waits for an operator and
    /// loses no mail; one of the mail is final when the server says so (RFC 5321, 4.2.1).
    fn failed(self, error: &lettre::transport::smtp::Error) -> SendError {
        let (Self::Session(name) | Self::OfTheMail(name)) = self;
        let kind = match error.status() {
            Some(code) => code.to_string(),
            None if error.is_timeout() => "no answer in time".to_owned(),
            None if no_trust(error) => "no trusted encryption".to_owned(),
            None if error.is_client() => "not offered by the server".to_owned(),
            None if error.is_response() => "an answer that is not SMTP".to_owned(),
            None => "the connection failed".to_owned(),
        };
        let reason = format!("{name}: {kind}");
        match self {
            Self::OfTheMail(_) if error.is_permanent() => SendError::Permanent(reason),
            Self::Session(_) if error.is_permanent() || error.is_client() || no_trust(error) => {
                SendError::Transient { reason, retry_after: Some(OPERATOR_PAUSE) }
            }
            _ => SendError::Transient { reason, retry_after: None },
        }
    }
}

/// Whether the encryption failed: the server's certificate is not one to trust, for example. rustls tells it as bad data.
fn no_trust(error: &lettre::transport::smtp::Error) -> bool {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let bad_data = |cause: &io::Error| cause.kind() == io::ErrorKind::InvalidData;
    error.is_tls() || causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).any(bad_data)
}

impl Smtp {
    pub(crate) fn new(server: SmtpUrl, from: Mailbox) -> anyhow::Result<Self> {
        let tls = TlsParameters::new(server.host.clone()).context("the system's certificates")?;
        let hello = ClientId::Domain(from.email.domain().to_owned());
        Ok(Self { server, tls, from, hello })
    }

    fn message(&self, mail: &Outgoing) -> Result<(Address, Message), SendError> {
        let invalid = |what: &str| SendError::Permanent(format!("{what} is not one that SMTP can carry"));
        let recipient: Address = mail.recipient.parse().map_err(|_| invalid("the recipient"))?;
        // The same for every attempt, so that a mail that was taken twice can be told from two mails.
        let id = format!("<{}@{}>", hex::encode(Sha256::digest(&mail.purpose_key)), self.from.email.domain());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient.clone()))
            .subject(&mail.subject)
            .message_id(Some(id))
            .multipart(body(mail).map_err(|_| invalid("the attachment"))?)
            .map_err(|_| invalid("the message"))?;
        Ok((recipient, message))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SendError> {
        let server = &self.server;
        let implicit = (server.encryption == Encryption::Implicit).then(|| self.tls.clone());
        let mut connection = AsyncSmtpConnection::connect_tokio1((server.host.as_str(), server.port), None, &self.hello, implicit, None)
            .await
            .map_err(|error| Phase::Session("connecting").failed(&error))?;
        if server.encryption == Encryption::StartTls {
            let begun = connection.starttls(self.tls.clone(), &self.hello).await;
            begun.map_err(|error| Phase::Session("STARTTLS").failed(&error))?;
        }
        if let Some(credentials) = &server.credentials {
            let signed_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            signed_in.map_err(|error| Phase::Session("AUTH").failed(&error))?;
        }
        Ok(connection)
    }

    async fn deliver(&self, connection: &mut AsyncSmtpConnection, recipient: Address, message: &Message) -> Result<(), SendError> {
        let international = [&self.from.email, &recipient].into_iter().any(|address| !AsRef::<str>::as_ref(address).is_ascii());
        let mut parameters = Vec::new();
        if international {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(SendError::Permanent("RCPT: the server takes no international addresses".to_owned()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let begun = connection.command(Mail::new(Some(self.from.email.clone()), parameters)).await;
        begun.map_err(|error| Phase::Session("MAIL").failed(&error))?;
        let admitted = connection.command(Rcpt::new(recipient, Vec::new())).await;
        admitted.map_err(|error| Phase::OfTheMail("RCPT").failed(&error))?;
        let awaited = connection.command(Data).await;
        awaited.map_err(|error| Phase::OfTheMail("DATA").failed(&error))?;
        let taken = connection.message(&message.formatted()).await;
        taken.map_err(|error| Phase::OfTheMail("the text").failed(&error))?;
        Ok(())
    }

    async fn hand_over(&self, mail: &Outgoing) -> Result<(AsyncSmtpConnection, Result<(), SendError>), SendError> {
        let (recipient, message) = self.message(mail)?;
        let mut connection = self.connect().await?;
        let taken = self.deliver(&mut connection, recipient, &message).await;
        Ok((connection, taken))
    }
}

/// Text and HTML, and the file beside both.
fn body(mail: &Outgoing) -> Result<MultiPart, ContentTypeErr> {
    let readable = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
    Ok(match &mail.attachment {
        None => readable,
        Some(file) => {
            let attached = Attachment::new(file.file_name.clone()).body(file.bytes.clone(), ContentType::parse(file.content_type)?);
            MultiPart::mixed().multipart(readable).singlepart(attached)
        }
    })
}

#[async_trait]
impl Transport for Smtp {
    async fn send(&self, mail: &Outgoing) -> Result<String, SendError> {
        let (mut connection, taken) = timeout(HAND_OVER_LIMIT, self.hand_over(mail))
            .await
            .map_err(|_| SendError::Transient { reason: "no answer in time".to_owned(), retry_after: None })??;
        // However the goodbye goes, the mail was taken or was not.
        let _ = timeout(QUIT_LIMIT, connection.abort()).await;
        taken.map(|()| hex::encode(Sha256::digest(&mail.purpose_key)))
    }
}

#[cfg(test)]
mod tests;
