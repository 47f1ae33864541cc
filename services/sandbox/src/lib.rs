//! Stands in for the outside world in development and tests: `PhonePe` and Resend, in memory.
//!
//! - `phonepe` speaks the wire protocol: tokens, pay, refunds, Autopay, the status of each;
//! - `pay_page` is where a person decides how a payment ends, `webhook` tells the merchant;
//! - `mandate` and `redemption` are what Autopay is made of, `autopay` moves them; `clock` is the time they go by;
//! - `resend` takes mails, tells by webhooks what became of them, and shows them in an inbox;
//! - `control` sets the [`Weather`] and pays by script; `dashboard` shows all of it on one page.
//!
//! A service has no branch for the sandbox: it is pointed here by the base URLs that point at the real ones elsewhere.
//! Tests run it in their own process with [`start`] and steer it through [`Sandbox`].

mod autopay;
mod clock;
mod config;
mod control;
mod dashboard;
mod event;
mod html;
mod mandate;
mod novelty;
mod order;
mod pay_page;
mod payment;
mod phonepe;
mod redemption;
mod refund;
mod resend;
mod server;
mod state;
mod weather;
mod webhook;

pub use config::{Merchant, SandboxConfig, WebhookTarget};
pub use mandate::{Family, MandateIs, MandateState, MandateSummary, UserAct};
pub use order::{AlreadySettled, Mode, OrderState, Outcome};
pub use payment::OrderSummary;
pub use redemption::RedemptionStep;
pub use refund::{AlreadyThere, RefundState, RefundStep, RefundSummary};
pub use resend::{Mail, ResendWebhook};
pub use server::{Running, start};
pub use state::{ControlError, Sandbox};
pub use weather::{
    AfterNotification, ApiWeather, AutoNotify, AutoPay, AutoRedeem, AutoRefund, DuplicateAnswer, Novelty, PayWeather, ResendWeather,
    Weather, WebhookWeather,
};
pub use webhook::{Delivery, Fate};
