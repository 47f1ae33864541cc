//! The admin API.

use payments_svc::App;
use sandbox::SandboxConfig;
use testkit::{Database, Running, Vhost, operators::Operator, person};

use crate::rig::settings;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_a_second_factor_acts_and_nobody_else_does() {
    let (database, vhost) = (Database::create().await, Vhost::create().await);
    messaging::link::declare_topology(&vhost.url().into(), "a test").await.unwrap();
    let outside = sandbox::start(SandboxConfig::default()).unwrap();
    let running = Running::start::<App>(settings(&database, Some(&vhost), &outside), false);
    let operator = Operator::new(&database, format!("{}/api/admin/payments", running.url)).await;
    operator.assert_others_are_refused(&person(&database).await.token).await;
    operator.assert_every_act_works(&database, &vhost, "payments", "payments-svc.identity.v1").await;
}
