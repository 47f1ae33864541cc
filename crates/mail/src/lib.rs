//! Transactional mail: an outbox in the caller's transaction and a worker that hands it to a provider once.
//!
//! A use case calls [`enqueue`] inside the transaction of the fact that the mail tells of. A [`Mailer`] claims due rows
//! by lease, so that several replicas share them, and sends each through its [`Transport`] under the row's purpose key:
//! the provider knows a repeat by it. What mails say lives with the service that sends; what they look like is one [`Layout`].
//!
//! The provider's webhooks tell [`Deliveries`] what became of a mail. An address whose mailbox does not exist, or whose owner
//! complained, gets no more mail until an operator lifts it ([`MailCommand`]).

mod command;
mod delivery;
mod html;
mod layout;
mod metrics;
mod outbox;
mod resend;
mod settings;
mod signature;
mod smtp;
mod suppression;
mod transport;
mod webhook;
mod worker;

pub use command::{MailCommand, SuppressedCommand};
pub use html::escape_html;
pub use layout::Layout;
pub use outbox::{Mail, enqueue};
pub use resend::Resend;
pub use settings::MailSettings;
pub use transport::{Attachment, Attachments, Outgoing, SendError, Transport};
pub use webhook::Deliveries;
pub use worker::{Mailer, Next};
