//! The sandbox as its clients see it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "clippy does not see that the rig's functions are tests, too")]

mod autopay;
mod clock;
mod control;
mod debit;
mod mandate_limits;
mod novelty;
mod pages;
mod pay;
mod refund;
mod resend;
mod rig;
mod status;
mod token;
mod webhooks;
