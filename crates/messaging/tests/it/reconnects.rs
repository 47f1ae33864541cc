//! Connections that are closed again and again.

use std::{fs, time::Duration};

use domain::ids::OrderId;

use crate::rig::{DISORDERED, Process, QUEUE, Recorder, Rig, SHARED_QUEUE, confirmed, within};

/// A setting of the environment, for longer runs than the suite has time for.
fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().map_or(default, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_closed_every_two_seconds_lose_nothing() {
    let rig = Rig::new().await;
    let payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::plain().on(QUEUE)]);
    onboarding.ready().await;
    let closings = setting("CLOSINGS", 8);
    let orders: Vec<_> = (0..5).map(|_| OrderId::generate()).collect();
    tokio::join!(
        async {
            for _ in 0..closings {
                tokio::time::sleep(Duration::from_secs(2)).await;
                rig.vhost.close_all_connections().await;
            }
        },
        async {
            for n in 0..closings * 10 {
                rig.tell(&[confirmed(orders[n % orders.len()])]).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        },
    );
    let told = i64::try_from(closings * 10).unwrap();
    within(90, "all are published", async || rig.unpublished().await == 0).await;
    within(90, "all have their effect", async || rig.effects().await >= told).await;
    assert_eq!((rig.effects().await, rig.inboxed(QUEUE).await), (told, told));
    assert_eq!(rig.database.number(DISORDERED).await, 0);
    assert_eq!(rig.waiting("onboarding-svc.payments.v1.dead").await, 0);
    assert!(onboarding.metric("messaging_consumer_rebuilds_total") >= 2.0);
    onboarding.ready().await;
    assert_eq!(rig.database.number("select max(attempts) from payments.outbox").await, 0);
    drop(payments);
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnecting_leaves_no_descriptor_no_thread_and_no_task_behind() {
    let rig = Rig::new().await;
    // Ten connections, so that each round of closing makes ten reconnect.
    let processes: Vec<_> = (0..5)
        .map(|n| match n % 2 {
            0 => rig.process("onboarding-svc", vec![Recorder::plain().on(QUEUE)]),
            _ => rig.process("auth-svc", vec![Recorder::plain().on(SHARED_QUEUE)]),
        })
        .collect();
    let reconnects = setting("RECONNECTS", 200);
    connected(&processes).await;
    let (mut done, mut before) = (0, None);
    while done < reconnects {
        let lost_before: Vec<_> = processes.iter().map(lost).collect();
        // The broker lists a connection some time after it is open, so one closing may miss it.
        while processes.iter().zip(&lost_before).any(|(process, before)| lost(process) <= *before) {
            done += rig.vhost.close_all_connections().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        connected(&processes).await;
        if before.is_none() {
            // The first round makes what is made only once: pools, resolvers, worker threads.
            before = Some(settled(&processes).await);
        }
    }
    let after = settled(&processes).await;
    let before = before.unwrap();
    println!("after {done} reconnects: {before:?} became {after:?}");
    assert!(after.descriptors <= before.descriptors + 4, "{before:?} became {after:?}");
    assert!(after.threads <= before.threads + 4, "{before:?} became {after:?}");
    assert!(after.tasks <= before.tasks + 4, "{before:?} became {after:?}");
}

async fn connected(processes: &[Process]) {
    within(60, "everything is connected", async || {
        processes.iter().all(|process| {
            process.labelled("messaging_connected", "publish") > 0.5
                && process.labelled("messaging_connected", "consume") > 0.5
                && process.metric("messaging_consumer_alive") > 0.5
        })
    })
    .await;
}

/// Times the process lost its consumer.
fn lost(process: &Process) -> f64 {
    process.metric("messaging_consumer_rebuilds_total")
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Usage {
    descriptors: usize,
    threads: usize,
    tasks: usize,
}

/// What this process uses, once it has stopped changing. A relay notices a closed connection within a second.
async fn settled(processes: &[Process]) -> Usage {
    tokio::time::sleep(Duration::from_secs(2)).await;
    connected(processes).await;
    let mut last = usage();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = usage();
        if now == last {
            break;
        }
        last = now;
    }
    last
}

fn usage() -> Usage {
    let count = |folder: &str| fs::read_dir(folder).unwrap().count();
    Usage {
        descriptors: count("/proc/self/fd"),
        threads: count("/proc/self/task"),
        tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
    }
}
