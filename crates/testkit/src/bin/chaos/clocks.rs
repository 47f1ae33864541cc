//! K20: the clocks of one service are wrong.

use anyhow::ensure;
use testkit::system::System;

use crate::{
    figures::Run,
    invariants,
    traffic::{Traffic, provision},
};

/// By how many seconds each replica's clock is wrong. Leases, tokens, orders and mails of both have to agree all the same.
const WRONG_BY_S: [i64; invariants::REPLICAS] = [600, -600];
/// Journeys, of people who sign up while the clocks are wrong.
const JOURNEYS: usize = 16;

/// Journeys flow, sign-up included, while one replica of `service` is ten minutes ahead and the other ten behind.
pub async fn run(system: &mut System, service: &'static str, run: &mut Run) {
    run.tried("the wrong clocks", set(system, service, WRONG_BY_S).await);
    if let Some(people) = run.tried("while the clocks are wrong", provision(system, JOURNEYS).await) {
        Traffic::start(&system.addresses, people).end(run).await;
    }
    run.tried("the right clocks", set(system, service, [0; invariants::REPLICAS]).await);
    run.consumers_back_s = invariants::consumers_back(system, invariants::REPLICAS).await;
    invariants::check(system, run).await;
}

async fn set(system: &mut System, service: &'static str, wrong_by_s: [i64; invariants::REPLICAS]) -> anyhow::Result<()> {
    for (number, wrong_by_s) in wrong_by_s.into_iter().enumerate() {
        system.set_clock(service, number, wrong_by_s).await?;
        let seen = system.clock_offset(service, number).await?;
        ensure!((seen - wrong_by_s).abs() < 5, "the clock of {service} is wrong by {seen} s and not by {wrong_by_s} s");
    }
    Ok(())
}
