//! Finalizing while the service dies again and again, at any moment: exactly one context and one event of each. The claim
//! `finalizes.sh` kills at each step of the saga, and looks at the manifests too.

use std::time::Duration;

use domain::{
    event::{Event, ManifestGenerated},
    ids::{OrderId, WorkspaceId},
};
use serde_json::{Value, json};
use testkit::{Person, person, redis_url};

use crate::{
    dice::Dice,
    rig::{ACME, Rig, confirmed},
    service_process::ServiceProcess,
};

/// Asks until the request is answered with this status, whatever dies meanwhile.
async fn insist(client: &reqwest::Client, url: &str, token: &str, headers: &[(&str, &str)], body: &Value, wanted: u16) -> Value {
    for _ in 0..400 {
        let mut request = client.post(url).bearer_auth(token).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Ok(answer) = request.send().await {
            let status = answer.status().as_u16();
            if status == wanted {
                return answer.json().await.unwrap_or_default();
            }
            assert!(status >= 500 || status == 409 || status == 429, "{status}: {:?}", answer.text().await);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{url} was never answered with {wanted}");
}

async fn finalize(rig: &Rig, url: &str, person: &Person) {
    let client = service_kit::http_client(Duration::from_secs(5)).unwrap();
    let answers: Value = serde_json::from_str(ACME).unwrap();
    let import = format!("{url}/api/onboarding/import?complete=true");
    insist(&client, &import, &person.token, &[], &json!({"answers": answers}), 200).await;
    let finalize = format!("{url}/api/onboarding/finalize");
    // With a key, and without: the repeats of one that was cut off.
    let key = person.workspace.to_string();
    let first = insist(&client, &finalize, &person.token, &[("Idempotency-Key", &key)], &json!({}), 202).await;
    let again = insist(&client, &finalize, &person.token, &[], &json!({}), 202).await;
    assert_eq!((&first["context_number"], &first), (&json!(1), &again));
    let workspace = WorkspaceId::from_uuid(person.workspace);
    let generated = match rig.generated(1) {
        Event::ManifestGenerated(data) => Event::ManifestGenerated(ManifestGenerated { workspace_id: workspace, ..data }),
        other => panic!("{other:?}"),
    };
    rig.deliver(&generated, 1).await;
    rig.deliver(&generated, 1).await;
}

async fn run(count: usize, seed: u64) {
    let rig = Rig::locked().await;
    let mut service = ServiceProcess::start(&rig, "saga", &redis_url()).await;
    let mut people = Vec::new();
    for _ in 0..count {
        let person = person(&rig.database).await;
        rig.deliver(&confirmed(WorkspaceId::from_uuid(person.workspace), OrderId::generate()), 1).await;
        people.push(person);
    }
    let (mut dice, url, mut crashes) = (Dice::new(seed), service.url.clone(), 0);
    // A slow machine needs more time between two crashes, too, to get anywhere.
    let mut start = Duration::from_millis(300);
    let all = async {
        for four in people.chunks(4) {
            futures_util::future::join_all(four.iter().map(|person| finalize(&rig, &url, person))).await;
        }
    };
    tokio::pin!(all);
    loop {
        tokio::select! {
            () = &mut all => break,
            () = tokio::time::sleep(start / 4 + start * u32::try_from(dice.below(16)).unwrap() / 8) => {
                start = service.crash().await;
                crashes += 1;
            }
        }
    }
    let once = format!("{count} people, {crashes} crashes");
    let wanted = i64::try_from(count).unwrap();
    assert!(crashes > 1, "{once}");
    for (what, query) in [
        ("contexts", "select count(*) from onboarding.business_context"),
        ("workspaces with a context", "select count(distinct workspace_id) from onboarding.business_context where number = 1"),
        ("finalized events", "select count(*) from onboarding.outbox where event_type = 'onboarding.finalized.v1'"),
        ("completed events", "select count(*) from onboarding.outbox where event_type = 'onboarding.completed.v1'"),
        ("completed onboardings", "select count(*) from onboarding.onboarding where progress = 'completed' and context_number = 1"),
        ("audited finalizes", "select count(*) from onboarding.audit_log where action = 'onboarding.finalize'"),
    ] {
        assert_eq!(rig.database.number(query).await, wanted, "{what}: {once}");
    }
    println!("{once}");
}

#[tokio::test(flavor = "multi_thread")]
async fn finalizes_are_made_once_each_while_the_service_dies() {
    run(12, 3).await;
}

/// For `make verify PHASE=onboarding`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: deploy/verify/claims/storms_of_saves.sh runs it"]
async fn hundreds_of_finalizes_are_made_once_each_while_the_service_dies() {
    run(250, 4).await;
}
