//! A UPI mandate (`PhonePe`'s *subscription*): what the customer agreed to, where it stands, and what moves it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::money::Paise;
use serde::{Deserialize, Serialize};

use crate::{event::Event, order::OrderState};

/// The two APIs of Autopay. A mandate belongs to the one that set it up; the other does not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// `/subscriptions/v2`, which `PhonePe`'s SDKs speak: the customer approves in their UPI app.
    Subscriptions,
    /// `/checkout/v2`, Standard Checkout: the customer approves on the hosted page.
    Checkout,
}

/// Where a mandate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MandateState {
    /// The customer has not approved it yet.
    ActivationInProgress,
    /// Debits are possible.
    Active,
    /// The customer did not approve it.
    Failed,
    /// On the way to [`Self::Paused`].
    PauseInProgress,
    /// The customer allows no debit for the time being.
    Paused,
    /// On the way back to [`Self::Active`].
    UnpauseInProgress,
    /// On the way to [`Self::Revoked`].
    RevokeInProgress,
    /// Ended by the customer.
    Revoked,
    /// On the way to [`Self::Cancelled`].
    CancelInProgress,
    /// Ended by the merchant.
    Cancelled,
    /// Its time is over.
    Expired,
}

impl MandateState {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActivationInProgress => "ACTIVATION_IN_PROGRESS",
            Self::Active => "ACTIVE",
            Self::Failed => "FAILED",
            Self::PauseInProgress => "PAUSE_IN_PROGRESS",
            Self::Paused => "PAUSED",
            Self::UnpauseInProgress => "UNPAUSE_IN_PROGRESS",
            Self::RevokeInProgress => "REVOKE_IN_PROGRESS",
            Self::Revoked => "REVOKED",
            Self::CancelInProgress => "CANCEL_IN_PROGRESS",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// What the customer does with a mandate in the UPI app. The merchant can do none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserAct {
    /// Allows no debit for the time being.
    Pause,
    /// Allows them again.
    Unpause,
    /// Ends the mandate.
    Revoke,
}

/// How the customer proves that the account is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum AuthWorkflow {
    /// ₹2, which `PhonePe` gives back by itself.
    PennyDrop,
    /// The first debit.
    Transaction,
}

/// Whether debits may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum AmountType {
    /// Each is the greatest amount.
    Fixed,
    /// Each is at most the greatest amount.
    Variable,
}

/// How often a debit is agreed. It limits nothing here: no source says how `PhonePe` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Frequency {
    Daily,
    Weekly,
    Fortnightly,
    Monthly,
    Bimonthly,
    Quarterly,
    #[serde(rename = "HALFYEARLY")]
    HalfYearly,
    Yearly,
    OnDemand,
}

/// What was agreed.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub family: Family,
    pub merchant_subscription_id: String,
    /// `OMS…`, empty until the mandate is stored.
    pub phonepe_id: String,
    pub auth_workflow: AuthWorkflow,
    pub amount_type: AmountType,
    pub max_amount: Paise,
    pub frequency: Frequency,
    pub expire_at: DateTime<Utc>,
}

impl Terms {
    /// Whether one debit may be of this amount.
    pub fn allow(&self, amount: Paise) -> bool {
        match self.amount_type {
            AmountType::Fixed => amount == self.max_amount,
            AmountType::Variable => amount <= self.max_amount,
        }
    }
}

/// One mandate, from its setup on.
#[derive(Debug, Clone)]
pub(crate) struct Mandate {
    pub sequence: u64,
    pub terms: Terms,
    pub setup_order_id: String,
    pub created_at: DateTime<Utc>,
    pub state: MandateState,
    /// When it came into this state.
    since: DateTime<Utc>,
    /// What a status API that lags behind shows meanwhile.
    on_the_way: MandateState,
    pub paused_at: Option<DateTime<Utc>>,
}

/// Everything that moves a mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The setup order ended like this.
    Setup(OrderState),
    User(UserAct),
    Cancel,
    Expire,
}

/// The mandate is in a state in which this is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mandate is {}", .0.as_str())]
pub struct MandateIs(pub MandateState);

impl Mandate {
    pub fn new(sequence: u64, terms: Terms, setup_order_id: String, now: DateTime<Utc>) -> Self {
        Self {
            sequence,
            terms,
            setup_order_id,
            created_at: now,
            state: MandateState::ActivationInProgress,
            since: now,
            on_the_way: MandateState::ActivationInProgress,
            paused_at: None,
        }
    }

    /// Applies a change and returns the event that the merchant is told. Of a setup its order tells, of an expiry nothing.
    pub fn apply(&mut self, change: Change, now: DateTime<Utc>) -> Result<Option<Event>, MandateIs> {
        use MandateState as S;
        let (on_the_way, state, event) = match (self.state, change) {
            (S::ActivationInProgress | S::Failed, Change::Setup(OrderState::Completed)) => (S::ActivationInProgress, S::Active, None),
            (S::ActivationInProgress, Change::Setup(OrderState::Failed)) => (S::ActivationInProgress, S::Failed, None),
            (S::Active, Change::User(UserAct::Pause)) => (S::PauseInProgress, S::Paused, Some(Event::MandatePaused)),
            (S::Paused, Change::User(UserAct::Unpause)) => (S::UnpauseInProgress, S::Active, Some(Event::MandateUnpaused)),
            (S::Active | S::Paused, Change::User(UserAct::Revoke)) => (S::RevokeInProgress, S::Revoked, Some(Event::MandateRevoked)),
            (S::Active | S::Paused, Change::Cancel) => (S::CancelInProgress, S::Cancelled, Some(Event::MandateCancelled)),
            (state @ (S::Active | S::Paused), Change::Expire) => (state, S::Expired, None),
            (state, _) => return Err(MandateIs(state)),
        };
        self.paused_at = (state == S::Paused).then_some(now);
        (self.on_the_way, self.state, self.since) = (on_the_way, state, now);
        Ok(event)
    }

    /// The mandate as a status API sees it that learns of each change `lag` later than the webhook says.
    pub fn as_seen(&self, now: DateTime<Utc>, lag: TimeDelta) -> Self {
        let mut seen = self.clone();
        if now - self.since < lag {
            seen.state = self.on_the_way;
            seen.paused_at = None;
        }
        seen
    }
}

/// A mandate as the control API tells it; times are RFC 3339, the amount is in paise.
#[derive(Debug, Clone, Serialize)]
pub struct MandateSummary {
    /// The merchant's id.
    pub merchant_subscription_id: String,
    /// `PhonePe`'s id.
    pub subscription_id: String,
    /// The API that set it up.
    pub family: Family,
    /// The greatest debit.
    pub max_amount: Paise,
    /// The order that set it up.
    pub setup_order_id: String,
    /// Where it stands, without any status lag.
    pub state: MandateState,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expire_at: DateTime<Utc>,
}

impl From<&Mandate> for MandateSummary {
    fn from(mandate: &Mandate) -> Self {
        Self {
            merchant_subscription_id: mandate.terms.merchant_subscription_id.clone(),
            subscription_id: mandate.terms.phonepe_id.clone(),
            family: mandate.terms.family,
            max_amount: mandate.terms.max_amount,
            setup_order_id: mandate.setup_order_id.clone(),
            state: mandate.state,
            created_at: mandate.created_at,
            expire_at: mandate.terms.expire_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mandate() -> Mandate {
        let now = DateTime::from_timestamp_millis(1_700_000_000_000).expect("a time");
        let terms = Terms {
            family: Family::Checkout,
            merchant_subscription_id: "sub-1".into(),
            phonepe_id: "OMS1".into(),
            auth_workflow: AuthWorkflow::PennyDrop,
            amount_type: AmountType::Variable,
            max_amount: Paise::new(50_000),
            frequency: Frequency::Monthly,
            expire_at: now + TimeDelta::days(365),
        };
        Mandate::new(1, terms, "setup-1".into(), now)
    }

    /// Every change in turn; those that are refused leave the state as it was.
    fn after(changes: &[Change]) -> MandateState {
        let mut mandate = mandate();
        for change in changes {
            let now = mandate.created_at;
            let before = mandate.state;
            if mandate.apply(*change, now).is_err() {
                assert_eq!(mandate.state, before);
            }
        }
        mandate.state
    }

    #[test]
    fn a_mandate_follows_its_customer_and_ends_once() {
        use MandateState as S;
        let approved = Change::Setup(OrderState::Completed);
        let [pause, unpause, revoke] = [UserAct::Pause, UserAct::Unpause, UserAct::Revoke].map(Change::User);
        let failed = Change::Setup(OrderState::Failed);
        for (changes, state) in [
            (vec![], S::ActivationInProgress),
            (vec![pause], S::ActivationInProgress),
            (vec![Change::Cancel], S::ActivationInProgress),
            (vec![failed], S::Failed),
            (vec![failed, approved], S::Active),
            (vec![approved, failed], S::Active),
            (vec![approved, unpause], S::Active),
            (vec![approved, pause], S::Paused),
            (vec![approved, pause, pause, unpause], S::Active),
            (vec![approved, pause, Change::Cancel], S::Cancelled),
            (vec![approved, revoke, unpause, Change::Cancel], S::Revoked),
            (vec![approved, Change::Cancel, revoke], S::Cancelled),
            (vec![approved, pause, Change::Expire, unpause], S::Expired),
        ] {
            assert_eq!(after(&changes), state, "{changes:?}");
        }
    }

    #[test]
    fn a_status_that_lags_shows_the_state_in_between() {
        let (mut mandate, lag) = (mandate(), TimeDelta::seconds(5));
        let now = mandate.created_at;
        mandate.apply(Change::Setup(OrderState::Completed), now).expect("not yet decided");
        assert_eq!(mandate.as_seen(now, lag).state, MandateState::ActivationInProgress);
        mandate.apply(Change::User(UserAct::Pause), now + lag).expect("active");
        assert_eq!(mandate.as_seen(now + lag, lag).state, MandateState::PauseInProgress);
        assert_eq!(mandate.as_seen(now + lag + lag, lag).state, MandateState::Paused);
    }

    #[test]
    fn a_debit_is_as_great_as_agreed() {
        let mut terms = mandate().terms;
        let allowed = |terms: &Terms| [100, 50_000, 50_001].map(|amount| terms.allow(Paise::new(amount)));
        assert_eq!(allowed(&terms), [true, true, false]);
        terms.amount_type = AmountType::Fixed;
        assert_eq!(allowed(&terms), [false, true, false]);
    }
}
