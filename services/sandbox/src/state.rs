//! The whole state, and what can be done to it: by the wire endpoints, the pages, scripts and tests alike.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::{DateTime, Utc};
use service_kit::Lifecycle;
use url::Url;

use crate::{
    config::SandboxConfig,
    mandate::{Mandate, MandateIs},
    order::{AlreadySettled, Order},
    refund::{AlreadyThere, Refund},
    resend::{Mail, SentOnce},
    weather::Weather,
    webhook::{Delivery, Webhook},
};

/// So many deliveries are kept: a load test must not eat the memory.
const DELIVERIES_KEPT: usize = 20_000;
/// The same for mails.
const MAILS_KEPT: usize = 2_000;

/// The sandbox's state. Cheap to clone; all clones are the same sandbox.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

struct Shared {
    config: SandboxConfig,
    public_url: String,
    http: reqwest::Client,
    lifecycle: Lifecycle,
    /// Beside the state, so that time can be read under its lock.
    moved_ms: AtomicI64,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    sequence: u64,
    pub weather: Weather,
    pub webhook_url: Option<Url>,
    pub tokens: HashMap<String, DateTime<Utc>>,
    pub orders: HashMap<String, Order>,
    pub refunds: HashMap<String, Refund>,
    pub mandates: HashMap<String, Mandate>,
    /// The order of each pay page, by the token in the page's address.
    pub pages: HashMap<String, String>,
    pub deliveries: VecDeque<Delivery>,
    pub held: Option<Webhook>,
    pub mails: VecDeque<Mail>,
    pub mail_keys: HashMap<String, SentOnce>,
}

impl State {
    pub fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Puts a mail into the inbox.
    pub fn keep_mail(&mut self, mail: Mail) {
        push_bounded(&mut self.mails, mail, MAILS_KEPT);
    }

    /// An id of `PhonePe`'s shape: a prefix, the time to the millisecond, seven digits.
    pub fn phonepe_id(&mut self, prefix: &str, now: DateTime<Utc>) -> String {
        let sequence = self.next() % 10_000_000;
        let millis = now.timestamp_subsec_millis();
        format!("{prefix}{}{millis:03}{sequence:07}", now.format("%y%m%d%H%M%S"))
    }
}

/// Appends; the oldest goes when there are `limit` already.
fn push_bounded<T>(kept: &mut VecDeque<T>, new: T, limit: usize) {
    if kept.len() == limit {
        kept.pop_front();
    }
    kept.push_back(new);
}

/// What a control call can be refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No order has this id.
    #[error("no order has this id")]
    UnknownOrder,
    /// The order is over.
    #[error(transparent)]
    AlreadySettled(#[from] AlreadySettled),
    /// No refund has this id.
    #[error("no refund has this id")]
    UnknownRefund,
    /// The refund is over, or there already.
    #[error(transparent)]
    AlreadyThere(#[from] AlreadyThere),
    /// A debit of a mandate is nothing that a customer pays.
    #[error("a debit is decided by its bank: /control/redemptions")]
    NotPayable,
    /// No debit has this id.
    #[error("no debit has this id")]
    UnknownRedemption,
    /// No mandate has this id.
    #[error("no mandate has this id")]
    UnknownMandate,
    /// The mandate is in another state.
    #[error(transparent)]
    MandateIs(#[from] MandateIs),
    /// Time would go back.
    #[error("the clock is only moved forwards")]
    BackInTime,
    /// The order is open, so that there is nothing to tell.
    #[error("the order is still open: there is no webhook to send")]
    NothingToSend,
}

impl Sandbox {
    pub(crate) fn new(config: SandboxConfig, public_url: String, http: reqwest::Client, lifecycle: Lifecycle) -> Self {
        let state = State { webhook_url: config.webhook.url.clone(), ..State::default() };
        Self(Arc::new(Shared { config, public_url, http, lifecycle, moved_ms: AtomicI64::new(0), state: Mutex::new(state) }))
    }

    pub(crate) fn config(&self) -> &SandboxConfig {
        &self.0.config
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    pub(crate) fn public_url(&self) -> &str {
        &self.0.public_url
    }

    /// By how much the clock was moved, in milliseconds.
    pub(crate) fn moved_ms(&self) -> &AtomicI64 {
        &self.0.moved_ms
    }

    /// No code panics while it holds the lock, and if one did, the state is still whole.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The weather.
    pub fn weather(&self) -> Weather {
        self.state().weather.clone()
    }

    /// Changes the weather for everything that happens from now on.
    pub fn set_weather(&self, weather: Weather) {
        let mut state = self.state();
        if weather.token_revoked {
            state.tokens.clear();
        }
        state.weather = weather;
    }

    /// Where webhooks go from now on.
    pub fn set_webhook_url(&self, url: Option<Url>) {
        self.state().webhook_url = url;
    }

    /// Where webhooks go.
    pub fn webhook_url(&self) -> Option<Url> {
        self.state().webhook_url.clone()
    }

    /// Every try to deliver a webhook, the newest first.
    pub fn webhooks(&self) -> Vec<Delivery> {
        self.state().deliveries.iter().rev().cloned().collect()
    }

    /// All mails, the newest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.state().mails.iter().rev().cloned().collect()
    }

    /// Forgets orders, refunds, mandates, tokens, deliveries, mails and weather; the webhook's address is the configured one
    /// again, and the clock is where it was before it was moved.
    pub fn reset(&self) {
        let mut state = self.state();
        self.0.moved_ms.store(0, Ordering::SeqCst);
        *state = State { sequence: state.sequence, webhook_url: self.0.config.webhook.url.clone(), ..State::default() };
    }

    pub(crate) fn record(&self, delivery: Delivery) {
        push_bounded(&mut self.state().deliveries, delivery, DELIVERIES_KEPT);
    }
}
