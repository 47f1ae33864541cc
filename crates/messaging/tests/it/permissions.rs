use domain::ids::OrderId;
use lapin::{
    Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use messaging::topology::{self, EVENTS, Permissions};
use reqwest::Method;
use serde_json::json;

use crate::{
    consuming::envelope,
    rig::{QUEUE, Rig, confirmed},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_can_declare_everything_and_publish_nothing_that_is_not_its_own() {
    let rig = Rig::new().await;
    let payments = user(&rig, "payments-svc").await;
    let bcm = user(&rig, "bcm-svc").await;
    topology::declare_all(&payments).await.unwrap();

    let key = "payments.payment.confirmed.v1";
    assert!(publish(&payments, EVENTS, key).await);
    assert!(!publish(&bcm, EVENTS, key).await, "a forged event");
    assert!(!publish(&bcm, "", QUEUE).await, "a forged event through the default exchange");
    assert!(!publish(&bcm, topology::RETURN, QUEUE).await, "a forged replay into another service's queue");
    assert!(!publish(&bcm, topology::RetryDelay::FiveSeconds.exchange(), QUEUE).await, "a forged retry");
    assert!(publish(&bcm, topology::RETURN, "bcm-svc.payments.v1").await);
    assert_eq!(rig.waiting(QUEUE).await, 1);
    for service in ["payments-svc", "bcm-svc"] {
        rig.vhost.request(Method::DELETE, &format!("api/users/{service}-{}", rig.vhost.name()), None).await;
    }
}

async fn user(rig: &Rig, service: &str) -> Connection {
    let (name, vhost) = (format!("{service}-{}", rig.vhost.name()), rig.vhost.name());
    let request = async |path: String, body| rig.vhost.request(Method::PUT, &path, Some(body)).await;
    request(format!("api/users/{name}"), json!({"password": "secret", "tags": ""})).await;
    let permissions = serde_json::to_value(Permissions::of(service)).unwrap();
    request(format!("api/permissions/{vhost}/{name}"), permissions.clone()).await;
    for topic in permissions.get("topics").and_then(serde_json::Value::as_array).unwrap() {
        request(format!("api/topic-permissions/{vhost}/{name}"), topic.clone()).await;
    }
    let mut url: lapin::uri::AMQPUri = rig.vhost.url().parse().unwrap();
    url.authority.userinfo = lapin::uri::AMQPUserInfo { username: name, password: "secret".to_owned() };
    Connection::connect_uri(url, ConnectionProperties::default()).await.unwrap()
}

async fn publish(connection: &Connection, exchange: &str, key: &str) -> bool {
    let event = confirmed(OrderId::generate());
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let properties = envelope(&event).to_properties("payments-svc").unwrap();
    let body = event.to_data().to_string();
    let sent = channel.basic_publish(exchange.into(), key.into(), BasicPublishOptions::default(), body.as_bytes(), properties).await;
    match sent {
        Ok(confirm) => confirm.await.is_ok_and(|confirmation| confirmation.is_ack()),
        Err(_) => false,
    }
}
