//! The gate: the one function that decides where a user may go.

use crate::onboarding::OnboardingStatus;
use crate::text_enum::text_enum;

text_enum! {
    /// Where the user is to go next.
    Next {
        /// No valid session.
        SignIn = "sign_in",
        /// The address is not confirmed.
        VerifyEmail = "verify_email",
        /// The user is in no workspace.
        CreateWorkspace = "create_workspace",
        /// Nothing is paid and no order is open.
        ChoosePlan = "choose_plan",
        /// An order is open.
        PaymentPending = "payment_pending",
        /// Questions are to be answered, or are about to open.
        Onboarding = "onboarding",
        /// The manifest is being made.
        Building = "building",
        /// Everything is there.
        App = "app",
    }
}

/// What the gate looks at. Facts behind the first that fails are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "six facts that are independent of each other")]
pub struct GateFacts {
    /// A valid session.
    pub authenticated: bool,
    /// The address is confirmed, or need not be.
    pub email_confirmed: bool,
    /// The user is a member of the workspace.
    pub has_workspace: bool,
    /// The subscription allows use now ([`crate::subscription::SubscriptionState::entitled`]).
    pub entitled: bool,
    /// The workspace has an order that can still be paid.
    pub order_open: bool,
    /// The workspace's onboarding.
    pub onboarding: OnboardingStatus,
    /// A version of the manifest exists.
    pub has_manifest: bool,
}

/// Where a user with these facts is to go.
pub const fn next(facts: GateFacts) -> Next {
    if !facts.authenticated {
        Next::SignIn
    } else if !facts.email_confirmed {
        Next::VerifyEmail
    } else if !facts.has_workspace {
        Next::CreateWorkspace
    } else if facts.entitled {
        // A manifest outlives a reopened or repeated onboarding, so it is asked first.
        if facts.has_manifest {
            Next::App
        } else if matches!(facts.onboarding, OnboardingStatus::Finalizing | OnboardingStatus::Completed) {
            Next::Building
        } else {
            Next::Onboarding
        }
    } else if facts.order_open {
        Next::PaymentPending
    } else {
        Next::ChoosePlan
    }
}

impl Next {
    /// The path in the web app.
    pub const fn path(self) -> &'static str {
        match self {
            Self::SignIn => "/signin",
            Self::VerifyEmail => "/verify-email",
            Self::CreateWorkspace => "/setup",
            Self::ChoosePlan => "/onboarding/plans",
            Self::PaymentPending => "/onboarding/payment",
            Self::Onboarding => "/onboarding",
            Self::Building => "/onboarding/building",
            Self::App => "/dashboard",
        }
    }
}
