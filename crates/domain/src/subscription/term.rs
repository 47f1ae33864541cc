//! A subscription in time: what is paid, what comes next, and what happens when a day comes. All of it is pure: the caller stores
//! the term that comes out.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Change, SubscriptionState, period};
use crate::plan::{Cycle, PlanCode};

/// Access lasts this long after an unpaid period.
pub const GRACE: TimeDelta = TimeDelta::days(3);

/// What the period after the present one will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// The plan.
    pub plan: PlanCode,
    /// The cycle.
    pub cycle: Cycle,
    /// Whether it is paid already.
    pub paid: bool,
}

/// Where a subscription stands, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// The plan of the present period.
    pub plan: PlanCode,
    /// The cycle of the present period.
    pub cycle: Cycle,
    /// The state.
    pub status: SubscriptionState,
    /// When the present period began.
    pub period_start: DateTime<Utc>,
    /// When it ends.
    pub period_end: DateTime<Utc>,
    /// When the grace ends, if one runs.
    pub grace_end: Option<DateTime<Utc>>,
    /// The day of the month to which periods keep.
    pub anchor_day: u32,
    /// Whether the present period is paid; a trial is not.
    pub paid: bool,
    /// What comes next, if it was chosen or paid.
    pub next: Option<Next>,
    /// How many of the reminders of the present period were sent.
    pub reminded: usize,
    /// Whether a mandate pays the periods to come.
    pub autopay: bool,
}

/// The present state does not allow what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a subscription that is {0} does not allow this now")]
pub struct NotAllowed(
    /// The state, which stays.
    pub SubscriptionState,
);

/// How a payment was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It began a subscription that was over, or the first one.
    Activated,
    /// It paid the period that was due.
    Renewed,
    /// It paid the period after the present one. A trial, a pause or a cancellation ends with it.
    Prepaid,
}

/// What a day brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// The prepaid period began.
    Renewed,
    /// The period is over and unpaid; the grace runs.
    PastDue,
    /// It is over.
    Expired,
    /// The period, trial or grace ends in about this many days.
    Reminder {
        /// Whole days until the end.
        days: i64,
    },
}

impl Term {
    /// The first term of a workspace, paid at `now`.
    pub fn first(plan: PlanCode, cycle: Cycle, now: DateTime<Utc>) -> Self {
        let anchor_day = period::anchor_day(now);
        Self {
            plan,
            cycle,
            status: SubscriptionState::Active,
            period_start: now,
            period_end: period::end(now, cycle, anchor_day),
            grace_end: None,
            anchor_day,
            paid: true,
            next: None,
            reminded: 0,
            autopay: false,
        }
    }

    /// A trial that begins at `now`.
    pub fn trial(plan: PlanCode, cycle: Cycle, now: DateTime<Utc>, length: TimeDelta) -> Self {
        Self {
            status: SubscriptionState::Trialing,
            period_end: now + length,
            anchor_day: period::anchor_day(now + length),
            paid: false,
            ..Self::first(plan, cycle, now)
        }
    }

    /// Whether an order that is made at `now` pays for something: the period that is due, or the next one where that is not paid. Of
    /// a subscription that goes on by itself the next one can be paid when the end is near.
    pub fn payable(&self, now: DateTime<Utc>) -> bool {
        if !self.runs(now) {
            return true;
        }
        let near = now >= self.period_end - renewal_window(self.cycle);
        !self.prepaid() && (near || !self.paid || self.status != SubscriptionState::Active)
    }

    /// Whether the present period is not over, and nothing but time ends it.
    fn runs(&self, now: DateTime<Utc>) -> bool {
        now < self.period_end && self.status != SubscriptionState::Expired
    }

    /// Whether the next period is debited. A mandate is for months.
    pub fn debited(&self) -> bool {
        self.autopay && self.renewal().1 == Cycle::Monthly
    }

    fn prepaid(&self) -> bool {
        self.next.is_some_and(|next| next.paid)
    }

    /// The term after a payment that was ordered at `ordered_at` and became certain at `now`. `None` when what it would pay for is
    /// paid already: the money goes back.
    ///
    /// What is left of a period or trial is not lost: the new one begins after it. A payment within the grace pays from the end of
    /// the last period on.
    pub fn pay(&self, plan: PlanCode, cycle: Cycle, ordered_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<(Self, Use)> {
        let status = self.status.apply(Change::Paid).ok()?;
        if self.runs(now) {
            let prepaid = Self { status, next: Some(Next { plan, cycle, paid: true }), ..*self };
            return self.payable(ordered_at).then_some((prepaid, Use::Prepaid));
        }
        let lapsed = matches!(self.status, SubscriptionState::Active | SubscriptionState::PastDue);
        let due = lapsed && now < self.grace_end.unwrap_or(self.period_end + GRACE);
        let period_start = if due { self.period_end } else { now };
        let anchor_day = if due { self.anchor_day } else { period::anchor_day(now) };
        let paid = Self {
            plan,
            cycle,
            status,
            period_start,
            period_end: period::end(period_start, cycle, anchor_day),
            grace_end: None,
            anchor_day,
            paid: true,
            next: None,
            reminded: 0,
            autopay: self.autopay,
        };
        Some((paid, if due { Use::Renewed } else { Use::Activated }))
    }

    /// When something happens by itself next.
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        let end = self.end()?;
        Some(self.reminders().get(self.reminded).map_or(end, |days| end - TimeDelta::days(*days)))
    }

    /// When the present state ends by itself.
    fn end(&self) -> Option<DateTime<Utc>> {
        match self.status {
            SubscriptionState::PastDue => Some(self.grace_end.unwrap_or(self.period_end)),
            SubscriptionState::Expired => None,
            _ => Some(self.period_end),
        }
    }

    /// How many days before the end the payer is reminded. Nobody is reminded of an end that will not come or was chosen.
    fn reminders(&self) -> &'static [i64] {
        match (self.status, self.cycle) {
            (SubscriptionState::Active, _) if self.prepaid() || self.debited() => &[],
            (SubscriptionState::Active, Cycle::Yearly) => &[30, 7, 1],
            (SubscriptionState::Active, Cycle::Monthly) => &[3],
            (SubscriptionState::Trialing, _) => &[2],
            (SubscriptionState::PastDue, _) => &[1],
            _ => &[],
        }
    }

    /// The term after the first thing that `now` brings, and what that is; `None` when nothing is due. Called again until then.
    pub fn advance(&self, now: DateTime<Utc>) -> Option<(Self, Happening)> {
        let end = self.end()?;
        if now < end {
            let due = self.reminders().iter().skip(self.reminded).take_while(|days| now >= end - TimeDelta::days(**days)).count();
            // Of several that a pause made due at once, one is sent.
            return (due > 0)
                .then(|| (Self { reminded: self.reminded + due, ..*self }, Happening::Reminder { days: (end - now).num_days() }));
        }
        if let Some(next) = self.next.filter(|next| next.paid) {
            let begun = Self {
                plan: next.plan,
                cycle: next.cycle,
                period_start: self.period_end,
                period_end: period::end(self.period_end, next.cycle, self.anchor_day),
                grace_end: None,
                paid: true,
                next: None,
                reminded: 0,
                ..*self
            };
            return Some((begun, Happening::Renewed));
        }
        let change = if self.status == SubscriptionState::PastDue { Change::GraceEnded } else { Change::PeriodEnded };
        let status = self.status.apply(change).ok()?;
        let grace_end = (status == SubscriptionState::PastDue).then(|| self.period_end + GRACE);
        let happening = if grace_end.is_some() { Happening::PastDue } else { Happening::Expired };
        Some((Self { status, grace_end, reminded: 0, ..*self }, happening))
    }

    /// The term after its payer canceled it: at the end of what is paid, or now.
    ///
    /// # Errors
    /// When it is over or canceled already.
    pub fn cancel(&self, now: DateTime<Utc>, at_once: bool) -> Result<Self, NotAllowed> {
        let status = match (self.status, at_once) {
            // What was to end later ends now.
            (SubscriptionState::Canceled, true) if now < self.period_end => SubscriptionState::Canceled,
            (status, _) => status.apply(Change::Canceled).map_err(|refused| NotAllowed(refused.from))?,
        };
        let canceled = Self { status, grace_end: None, next: self.next.filter(|next| next.paid), reminded: 0, ..*self };
        Ok(if at_once { Self { next: None, ..canceled.ended(now) } } else { canceled })
    }

    /// The term after a cancellation that had not come into force was taken back.
    ///
    /// # Errors
    /// When it is not canceled, not paid, or over.
    pub fn keep(&self, now: DateTime<Utc>) -> Result<Self, NotAllowed> {
        if !self.paid || now >= self.period_end {
            return Err(NotAllowed(self.status));
        }
        let status = self.status.apply(Change::Kept).map_err(|refused| NotAllowed(refused.from))?;
        Ok(Self { status, ..*self })
    }

    /// The term after the payer paused the mandate.
    ///
    /// # Errors
    /// When it is neither active nor past due.
    pub fn pause(&self) -> Result<Self, NotAllowed> {
        let status = self.status.apply(Change::Paused).map_err(|refused| NotAllowed(refused.from))?;
        Ok(Self { status, grace_end: None, ..*self })
    }

    /// The term after the payer lifted the pause, or there is no mandate any more that could be paused.
    ///
    /// # Errors
    /// When it is not paused.
    pub fn resume(&self) -> Result<Self, NotAllowed> {
        let status = self.status.apply(Change::Resumed).map_err(|refused| NotAllowed(refused.from))?;
        Ok(Self { status, ..*self })
    }

    /// The term after another plan was chosen for the next period. It costs nothing until that begins.
    ///
    /// # Errors
    /// When it is canceled or over, or the next period is paid.
    pub fn choose(&self, plan: PlanCode, cycle: Cycle) -> Result<Self, NotAllowed> {
        if matches!(self.status, SubscriptionState::Canceled | SubscriptionState::Expired) || self.prepaid() {
            return Err(NotAllowed(self.status));
        }
        let same = (plan, cycle) == (self.plan, self.cycle);
        Ok(Self { next: (!same).then_some(Next { plan, cycle, paid: false }), ..*self })
    }

    /// The term after the payment of its present period was given back whole. A next period that is paid begins at once.
    ///
    /// # Errors
    /// When it is over.
    pub fn refund(&self, now: DateTime<Utc>) -> Result<Self, NotAllowed> {
        let ended = self.ended(now);
        if self.prepaid()
            && let Some((begun, Happening::Renewed)) = ended.advance(now)
        {
            return Ok(begun);
        }
        let status = self.status.apply(Change::Refunded).map_err(|refused| NotAllowed(refused.from))?;
        Ok(Self { status, next: None, ..ended })
    }

    /// The term after the payment of its next period was given back whole.
    #[must_use]
    pub fn refund_next(&self) -> Self {
        let trial = !self.paid && self.status == SubscriptionState::Active;
        Self { status: if trial { SubscriptionState::Trialing } else { self.status }, next: None, ..*self }
    }

    /// The period ends now, if it has not ended before.
    fn ended(&self, now: DateTime<Utc>) -> Self {
        let period_end = now.min(self.period_end);
        Self { period_start: self.period_start.min(period_end), period_end, grace_end: None, reminded: 0, ..*self }
    }

    /// The plan and cycle that a renewal pays for.
    pub fn renewal(&self) -> (PlanCode, Cycle) {
        self.next.map_or((self.plan, self.cycle), |next| (next.plan, next.cycle))
    }
}

/// How long before the end of a period the next one can be paid.
const fn renewal_window(cycle: Cycle) -> TimeDelta {
    match cycle {
        Cycle::Monthly => TimeDelta::days(7),
        Cycle::Yearly => TimeDelta::days(45),
    }
}
