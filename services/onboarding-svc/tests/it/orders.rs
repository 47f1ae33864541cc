//! The unlock and the events of a subscription end in the same state, in whatever order and however often they come.

use std::collections::BTreeSet;

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Bool, Nullable, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    event::{Event, SubscriptionEvent, WorkspaceProvisioned},
    ids::{EventId, OrderId, UserId, WorkspaceId},
    subscription::SubscriptionState,
};

use crate::{
    dice::Dice,
    rig::{Rig, confirmed},
};

/// All orders of so many things.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in permutations(count - 1) {
        for place in 0..count {
            let mut order = shorter.clone();
            order.insert(place, count - 1);
            all.push(order);
        }
    }
    all
}

#[derive(Debug, QueryableByName, PartialEq, Eq, PartialOrd, Ord)]
struct Ended {
    #[diesel(sql_type = Bool)]
    unlocked: bool,
    #[diesel(sql_type = Nullable<Text>)]
    subscription_status: Option<String>,
    #[diesel(sql_type = BigInt)]
    subscription_sequence: i64,
    #[diesel(sql_type = Text)]
    progress: String,
    #[diesel(sql_type = Text)]
    announced_status: String,
    #[diesel(sql_type = BigInt)]
    unlocks: i64,
    #[diesel(sql_type = BigInt)]
    told: i64,
}

async fn ended(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> Ended {
    diesel::sql_query(
        "select unlocked_by is not null as unlocked, subscription_status, subscription_sequence, progress, announced_status, \
           (select count(*) from onboarding.unlock u where u.workspace_id = o.workspace_id) as unlocks, \
           (select count(*) from onboarding.outbox e where e.aggregate_id = o.workspace_id and e.event_type = 'onboarding.unlocked.v1') as told \
         from onboarding.onboarding o where workspace_id = $1",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .get_result(connection)
    .await
    .unwrap()
}

/// Delivers in this order, and some of them again, at once or later.
async fn end_of(rig: &Rig, connection: &mut AsyncPgConnection, events: &[(EventId, Event, i64)], order: &[usize], dice: &mut Dice) {
    let mut late = Vec::new();
    for place in order {
        let (id, event, sequence) = &events[*place];
        rig.deliver_over(connection, *id, event, *sequence).await;
        match dice.below(3) {
            0 => rig.deliver_over(connection, *id, event, *sequence).await,
            // Published twice, under another id: the business keys stand behind the inbox.
            1 => rig.deliver_over(connection, EventId::generate(), event, *sequence).await,
            _ => late.push(*place),
        }
    }
    for place in late {
        let (id, event, sequence) = &events[place];
        rig.deliver_over(connection, *id, event, *sequence).await;
    }
}

/// A state of a subscription, and the event that tells of it.
type Told = (SubscriptionState, fn(SubscriptionEvent) -> Event);

async fn same_end(states: [Told; 4], expected: &str) {
    let rig = Rig::locked().await;
    let (mut service, mut admin) = (rig.database.service("onboarding_svc", "onboarding").await, rig.database.admin().await);
    let mut ends = BTreeSet::new();
    let mut dice = Dice::new(7);
    for mut order in permutations(5) {
        // The news of the workspace itself may come anywhere.
        order.insert(dice.between(0, 5), 5);
        let workspace = WorkspaceId::generate();
        let subscription = |state| SubscriptionEvent { workspace_id: workspace, ..rig.subscription(state) };
        let mut events = vec![(EventId::generate(), confirmed(workspace, OrderId::generate()), 1)];
        events.extend((1_i64..).zip(states).map(|(sequence, (state, event))| (EventId::generate(), event(subscription(state)), sequence)));
        let provisioned = WorkspaceProvisioned {
            workspace_id: workspace,
            owner_id: UserId::from_uuid(rig.person.user),
            name: "Acme".into(),
            slug: "acme".into(),
        };
        events.push((EventId::generate(), Event::WorkspaceProvisioned(provisioned), 1));
        end_of(&rig, &mut service, &events, &order, &mut dice).await;
        ends.insert(ended(&mut admin, workspace).await);
    }
    assert_eq!(ends.len(), 1, "{ends:#?}");
    let end = ends.into_iter().next().unwrap();
    assert_eq!((end.unlocked, end.unlocks, end.told, end.announced_status.as_str()), (true, 1, 1, expected), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_is_active_in_the_end_leaves_it_open() {
    let states: [Told; 4] = [
        (SubscriptionState::Active, Event::SubscriptionActivated),
        (SubscriptionState::Paused, Event::SubscriptionPaused),
        (SubscriptionState::Expired, Event::SubscriptionExpired),
        (SubscriptionState::Active, Event::SubscriptionResumed),
    ];
    same_end(states, "unlocked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_has_lapsed_in_the_end_leaves_it_suspended() {
    let states: [Told; 4] = [
        (SubscriptionState::Active, Event::SubscriptionActivated),
        (SubscriptionState::Active, Event::SubscriptionRenewed),
        (SubscriptionState::PastDue, Event::SubscriptionPastDue),
        (SubscriptionState::Expired, Event::SubscriptionExpired),
    ];
    same_end(states, "suspended").await;
}
