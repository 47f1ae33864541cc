//! The gate's rule over every combination of facts, and that it never sends anybody in a circle.

use domain::gate::{GateFacts, Next, next};
use domain::onboarding::OnboardingStatus;

/// Every combination of the facts: 2⁶ × 8.
fn every_case() -> Vec<GateFacts> {
    let mut cases = Vec::new();
    for bits in 0..64_u8 {
        let bit = |place: u8| bits & (1 << place) != 0;
        for &onboarding in OnboardingStatus::ALL {
            cases.push(GateFacts {
                authenticated: bit(0),
                email_confirmed: bit(1),
                has_workspace: bit(2),
                entitled: bit(3),
                order_open: bit(4),
                has_manifest: bit(5),
                onboarding,
            });
        }
    }
    cases
}

/// A row of the rule's table; `None` matches anything. The rows are exclusive and complete, so their order means nothing.
struct Row {
    authenticated: Option<bool>,
    email_confirmed: Option<bool>,
    has_workspace: Option<bool>,
    entitled: Option<bool>,
    order_open: Option<bool>,
    has_manifest: Option<bool>,
    onboarding: Option<&'static [OnboardingStatus]>,
    next: Next,
}

impl Row {
    fn matches(&self, facts: GateFacts) -> bool {
        let fits = |wanted: Option<bool>, found: bool| wanted.is_none_or(|wanted| wanted == found);
        fits(self.authenticated, facts.authenticated)
            && fits(self.email_confirmed, facts.email_confirmed)
            && fits(self.has_workspace, facts.has_workspace)
            && fits(self.entitled, facts.entitled)
            && fits(self.order_open, facts.order_open)
            && fits(self.has_manifest, facts.has_manifest)
            && self.onboarding.is_none_or(|set| set.contains(&facts.onboarding))
    }
}

fn table() -> Vec<Row> {
    use OnboardingStatus::{Archived, Completed, Finalizing, InProgress, Locked, Reopened, Suspended, Unlocked};
    let member = |next| Row {
        authenticated: Some(true),
        email_confirmed: Some(true),
        has_workspace: Some(true),
        entitled: None,
        order_open: None,
        has_manifest: None,
        onboarding: None,
        next,
    };
    vec![
        Row { authenticated: Some(false), email_confirmed: None, has_workspace: None, ..member(Next::SignIn) },
        Row { email_confirmed: Some(false), has_workspace: None, ..member(Next::VerifyEmail) },
        Row { has_workspace: Some(false), ..member(Next::CreateWorkspace) },
        Row { entitled: Some(true), has_manifest: Some(true), ..member(Next::App) },
        Row { entitled: Some(true), has_manifest: Some(false), onboarding: Some(&[Finalizing, Completed]), ..member(Next::Building) },
        Row {
            entitled: Some(true),
            has_manifest: Some(false),
            onboarding: Some(&[Locked, Unlocked, InProgress, Reopened, Suspended, Archived]),
            ..member(Next::Onboarding)
        },
        Row { entitled: Some(false), order_open: Some(true), ..member(Next::PaymentPending) },
        Row { entitled: Some(false), order_open: Some(false), ..member(Next::ChoosePlan) },
    ]
}

#[test]
fn every_combination_has_exactly_one_row_and_the_gate_agrees_with_it() {
    let table = table();
    for facts in every_case() {
        let rows: Vec<_> = table.iter().filter(|row| row.matches(facts)).collect();
        assert_eq!(rows.len(), 1, "{facts:?}");
        assert_eq!(next(facts), rows[0].next, "{facts:?}");
    }
}

/// What the page behind a path itself demands before it shows anything; where it is not met, the page redirects.
fn page_shows(path: &str, facts: GateFacts) -> bool {
    let signed_in = facts.authenticated && facts.email_confirmed;
    let member = signed_in && facts.has_workspace;
    let waits_for_manifest = !facts.has_manifest && [OnboardingStatus::Finalizing, OnboardingStatus::Completed].contains(&facts.onboarding);
    match path {
        // Somebody who is signed in has no business on these two.
        "/signin" => !facts.authenticated,
        "/verify-email" => facts.authenticated && !facts.email_confirmed,
        "/setup" => signed_in && !facts.has_workspace,
        // Plans and payment are outside the payment gate.
        "/onboarding/plans" => member,
        "/onboarding/payment" => member && facts.order_open,
        "/onboarding" => member && facts.entitled && !waits_for_manifest,
        "/onboarding/building" => member && facts.entitled && waits_for_manifest,
        "/dashboard" => member && facts.entitled && facts.has_manifest,
        _ => panic!("{path} is not a page"),
    }
}

#[test]
fn no_next_points_at_a_page_that_itself_redirects() {
    for facts in every_case() {
        let path = next(facts).path();
        assert!(page_shows(path, facts), "{facts:?} is sent to {path}, which sends it away");
    }
}

#[test]
fn every_next_is_reached_and_has_a_path_of_its_own() {
    let reached: std::collections::HashSet<_> = every_case().into_iter().map(next).collect();
    assert_eq!(reached.len(), Next::ALL.len());
    let paths: std::collections::HashSet<_> = Next::ALL.iter().map(|next| next.path()).collect();
    assert_eq!(paths.len(), Next::ALL.len());
}
