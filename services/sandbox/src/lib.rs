//! Stands in for the outside world in development and tests: `PhonePe` and Resend, in memory.
//!
//! - `phonepe` speaks the wire protocol: tokens, pay, refunds, their status;
//! - `pay_page` is where a person decides how a payment ends, `webhook` tells the merchant;
//! - `resend` takes mails, tells by webhooks what became of them, and shows them in an inbox;
//! - `control` sets the [`Weather`] and pays by script; `dashboard` shows all of it on one page.
//!
//! A service has no branch for the sandbox: it is pointed here by the base URLs that point at the real ones elsewhere.
//! Tests run it in their own process with [`start`] and steer it through [`Sandbox`].

mod config;
mod control;
mod dashboard;
mod html;
mod order;
mod pay_page;
mod phonepe;
mod refund;
mod resend;
mod server;
mod state;
mod weather;
mod webhook;

pub use config::{Merchant, SandboxConfig, WebhookTarget};
pub use order::{AlreadySettled, Mode, OrderState, Outcome};
pub use refund::{AlreadyThere, RefundState, RefundStep, RefundSummary};
pub use resend::{Mail, ResendWebhook};
pub use server::{Running, start};
pub use state::{ControlError, OrderSummary, Sandbox};
pub use weather::{ApiWeather, AutoPay, AutoRefund, DuplicateAnswer, PayWeather, ResendWeather, Weather, WebhookWeather};
pub use webhook::{Delivery, Fate};
