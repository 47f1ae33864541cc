//! Workspaces, their members, and invitations.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rig::{Answer, Rig};

/// Somebody who is signed in.
struct Person {
    id: String,
    email: String,
    token: String,
}

async fn person(rig: &Rig) -> Person {
    let session = rig.sign_up().await;
    let person = Person { id: session.text("/user/id"), email: session.text("/user/email"), token: session.text("/access_token") };
    assert_eq!(rig.send(Method::POST, "/api/auth/ensure-profile", Some(&person.token), None).await.status, 200);
    person
}

async fn ask(rig: &Rig, who: &Person, workspace: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let mut request = crate::rig::client().request(method, format!("{}/api/auth{path}", rig.running.url)).bearer_auth(&who.token);
    if !workspace.is_empty() {
        request = request.header("X-Workspace-Id", workspace);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    crate::rig::answer(request).await
}

/// A workspace of `owner` whose plan has so many seats; none for as many as one likes.
async fn workspace(rig: &Rig, owner: &Person, seats: Option<u32>) -> String {
    let made = ask(rig, owner, "", Method::POST, "/workspaces", Some(json!({"name": "Acme Söhne"}))).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.text("/id");
    rig.run(&format!(
        "insert into identity.gate_subscription (workspace_id, subscription_id, plan, status, period_end, entitlements, sequence) \
         values ('{id}', '{}', 'soar', 'active', now() + interval '1 day', '{}', 1)",
        Uuid::now_v7(),
        json!({"seats": seats})
    ))
    .await;
    id
}

/// Puts somebody into a workspace by invitation.
async fn join(rig: &Rig, owner: &Person, workspace: &str, who: &Person, role: &str) {
    let token = invite(rig, owner, workspace, &who.email, role).await;
    let joined = ask(rig, who, "", Method::POST, "/invitations/accept", Some(json!({ "token": token }))).await;
    assert_eq!((joined.status.as_u16(), joined.text("/id"), joined.text("/role")), (200, workspace.to_owned(), role.to_owned()));
}

/// Invites an address; gives the token of the mail.
async fn invite(rig: &Rig, owner: &Person, workspace: &str, email: &str, role: &str) -> String {
    let body = json!({"email": email, "role": role});
    let invited = ask(rig, owner, workspace, Method::POST, "/workspace/invitations", Some(body)).await;
    assert_eq!(invited.status, 201, "{invited:?}");
    let letter = rig.mail_to(email).await.0;
    letter.split_once("#token=").unwrap_or_else(|| panic!("no link: {letter}")).1.split_whitespace().next().unwrap().to_owned()
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.text("/code").as_str()), (status, code), "{answer:?}");
}

async fn events(rig: &Rig, workspace: &str) -> String {
    let sql = format!(
        "select string_agg(split_part(event_type, '.', 3), ' ' order by aggregate_seq) as value from identity.outbox where workspace_id = '{workspace}'"
    );
    rig.database.text(&sql).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_makes_several_workspaces_and_renames_them() {
    let rig = Rig::start().await;
    let (ann, bob) = (person(&rig).await, person(&rig).await);
    let id = workspace(&rig, &ann, None).await;
    let listed = ask(&rig, &ann, "", Method::GET, "/workspaces", None).await;
    assert_eq!(listed.body.as_array().unwrap().len(), 2, "{listed:?}");
    assert_eq!(listed.text("/1/name"), "Acme Söhne");
    assert!(listed.text("/1/slug").starts_with("acme-s-hne-"), "{listed:?}");
    let renamed = ask(&rig, &ann, &id, Method::PATCH, "/workspace", Some(json!({"name": " Acme "}))).await;
    assert_eq!((renamed.status.as_u16(), renamed.text("/name")), (200, "Acme".to_owned()));
    refused(&ask(&rig, &ann, &id, Method::PATCH, "/workspace", Some(json!({"name": "\n"}))).await, 422, "GW-0006");
    refused(&ask(&rig, &bob, &id, Method::PATCH, "/workspace", Some(json!({"name": "Mine"}))).await, 404, "GW-0002");
    assert_eq!(events(&rig, &id).await, "provisioned added");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_for_its_address_and_good_once() {
    let rig = Rig::start().await;
    let (ann, bob, eve) = (person(&rig).await, person(&rig).await, person(&rig).await);
    let id = workspace(&rig, &ann, None).await;
    let token = invite(&rig, &ann, &id, &bob.email.to_uppercase().to_lowercase(), "admin").await;
    let accept =
        async |who: &Person, token: &str| ask(&rig, who, "", Method::POST, "/invitations/accept", Some(json!({ "token": token }))).await;
    refused(&accept(&eve, &token).await, 404, "AUTH-0004");
    refused(&accept(&bob, "guessed").await, 404, "AUTH-0004");
    let all = futures_util::future::join_all((0..5).map(|_| accept(&bob, &token))).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1, "{all:?}");
    refused(&accept(&bob, &token).await, 410, "AUTH-0005");
    let members = ask(&rig, &bob, &id, Method::GET, "/workspace/members", None).await;
    assert_eq!(
        (members.text("/0/role"), members.text("/1/role"), members.text("/1/email")),
        ("owner".into(), "admin".into(), bob.email.clone())
    );
    assert_eq!(events(&rig, &id).await, "provisioned added added");
    let again = ask(&rig, &ann, &id, Method::POST, "/workspace/invitations", Some(json!({"email": bob.email, "role": "member"}))).await;
    refused(&again, 409, "AUTH-0006");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_ends_when_it_is_taken_back_replaced_or_too_old() {
    let rig = Rig::start().await;
    let (ann, bob) = (person(&rig).await, person(&rig).await);
    let id = workspace(&rig, &ann, None).await;
    let accept = async |token: &str| ask(&rig, &bob, "", Method::POST, "/invitations/accept", Some(json!({ "token": token }))).await;
    let first = invite(&rig, &ann, &id, &bob.email, "member").await;
    let second = invite(&rig, &ann, &id, &bob.email, "admin").await;
    refused(&accept(&first).await, 410, "AUTH-0005");
    let open = ask(&rig, &ann, &id, Method::GET, "/workspace/invitations", None).await;
    assert_eq!((open.body.as_array().unwrap().len(), open.text("/0/role")), (1, "admin".to_owned()));
    let path = format!("/workspace/invitations/{}", open.text("/0/id"));
    refused(&ask(&rig, &bob, &id, Method::DELETE, &path, None).await, 404, "GW-0002");
    assert_eq!(ask(&rig, &ann, &id, Method::DELETE, &path, None).await.status, 204);
    refused(&ask(&rig, &ann, &id, Method::DELETE, &path, None).await, 404, "AUTH-0004");
    refused(&accept(&second).await, 410, "AUTH-0005");
    let third = invite(&rig, &ann, &id, &bob.email, "member").await;
    rig.run("update identity.invitation set expires_at = now()").await;
    refused(&accept(&third).await, 410, "AUTH-0005");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_accepts_has_confirmed_the_address() {
    let rig = Rig::start().await;
    let (ann, bob) = (person(&rig).await, person(&rig).await);
    let id = workspace(&rig, &ann, None).await;
    let token = invite(&rig, &ann, &id, &bob.email, "member").await;
    rig.run(&format!("update auth.users set email_confirmed_at = null where id = '{}'", bob.id)).await;
    let accepted = ask(&rig, &bob, "", Method::POST, "/invitations/accept", Some(json!({ "token": token }))).await;
    refused(&accepted, 403, "AUTH-0001");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plans_seats_are_kept_by_invitations_and_acceptances_at_once() {
    let rig = Rig::start().await;
    let ann = person(&rig).await;
    let id = workspace(&rig, &ann, Some(3)).await;
    let people = [person(&rig).await, person(&rig).await, person(&rig).await, person(&rig).await];
    let asked = people.iter().map(|who| {
        let body = json!({"email": who.email, "role": "member"});
        ask(&rig, &ann, &id, Method::POST, "/workspace/invitations", Some(body))
    });
    let asked = futures_util::future::join_all(asked).await;
    assert_eq!(asked.iter().filter(|answer| answer.status == 201).count(), 2, "{asked:?}");
    refused(asked.iter().find(|answer| answer.status != 201).unwrap(), 402, "AUTH-0007");
    let unpaid = ask(&rig, &ann, "", Method::POST, "/workspaces", Some(json!({"name": "Unpaid"}))).await.text("/id");
    let body = json!({"email": people[0].email, "role": "member"});
    refused(&ask(&rig, &ann, &unpaid, Method::POST, "/workspace/invitations", Some(body)).await, 402, "AUTH-0007");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_decide_who_invites_removes_and_changes_roles() {
    let rig = Rig::start().await;
    let (owner, admin, member, other) = (person(&rig).await, person(&rig).await, person(&rig).await, person(&rig).await);
    let id = workspace(&rig, &owner, None).await;
    for (who, role) in [(&admin, "admin"), (&member, "member"), (&other, "member")] {
        join(&rig, &owner, &id, who, role).await;
    }
    let remove =
        async |who: &Person, whom: &Person| ask(&rig, who, &id, Method::DELETE, &format!("/workspace/members/{}", whom.id), None).await;
    let promote = async |who: &Person, whom: &Person, role: &str| {
        ask(&rig, who, &id, Method::PATCH, &format!("/workspace/members/{}", whom.id), Some(json!({ "role": role }))).await
    };
    let invite = async |who: &Person, role: &str| {
        let body = json!({"email": "new@example.test", "role": role});
        ask(&rig, who, &id, Method::POST, "/workspace/invitations", Some(body)).await
    };
    refused(&invite(&member, "member").await, 403, "GW-0005");
    refused(&invite(&owner, "owner").await, 422, "GW-0006");
    assert_eq!(invite(&admin, "admin").await.status, 201);
    refused(&remove(&member, &other).await, 403, "GW-0005");
    refused(&remove(&admin, &owner).await, 403, "GW-0005");
    refused(&promote(&admin, &member, "admin").await, 403, "GW-0005");
    assert_eq!(remove(&admin, &other).await.status, 204);
    refused(&remove(&admin, &other).await, 404, "AUTH-0008");
    assert_eq!(promote(&owner, &member, "admin").await.status, 204);
    refused(&remove(&admin, &member).await, 403, "GW-0005");
    assert_eq!(remove(&member, &member).await.status, 204, "everybody may leave");
    refused(&ask(&rig, &member, &id, Method::GET, "/workspace/members", None).await, 404, "GW-0002");
    assert_eq!(events(&rig, &id).await, "provisioned added added added added removed role_changed removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_keeps_an_owner_however_many_leave_at_once() {
    let rig = Rig::start().await;
    let (ann, bob) = (person(&rig).await, person(&rig).await);
    let id = workspace(&rig, &ann, None).await;
    let leave = async |who: &Person| ask(&rig, who, &id, Method::DELETE, &format!("/workspace/members/{}", who.id), None).await;
    refused(&leave(&ann).await, 409, "AUTH-0003");
    let step_down = ask(&rig, &ann, &id, Method::PATCH, &format!("/workspace/members/{}", ann.id), Some(json!({"role": "member"}))).await;
    refused(&step_down, 409, "AUTH-0003");
    join(&rig, &ann, &id, &bob, "admin").await;
    let path = format!("/workspace/members/{}", bob.id);
    assert_eq!(ask(&rig, &ann, &id, Method::PATCH, &path, Some(json!({"role": "owner"}))).await.status, 204);
    let (one, other) = tokio::join!(leave(&ann), leave(&bob));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409], "{one:?} {other:?}");
    let left = "select count(*) from identity.workspaces w join identity.memberships m \
                on m.workspace_id = w.id and m.user_id = w.owner_id and m.role = 'owner' where w.name = 'Acme Söhne'";
    assert_eq!(rig.database.number(left).await, 1, "the owner that is left is its first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_handed_over_and_its_former_owner_stays_an_admin() {
    let rig = Rig::start().await;
    let (ann, bob, eve) = (person(&rig).await, person(&rig).await, person(&rig).await);
    let id = workspace(&rig, &ann, None).await;
    join(&rig, &ann, &id, &bob, "member").await;
    let hand_over =
        async |who: &Person, to: &Person| ask(&rig, who, &id, Method::PUT, "/workspace/owner", Some(json!({"user_id": to.id}))).await;
    refused(&hand_over(&bob, &bob).await, 403, "GW-0005");
    refused(&hand_over(&ann, &eve).await, 404, "AUTH-0008");
    assert_eq!(hand_over(&ann, &bob).await.status, 204);
    refused(&hand_over(&ann, &ann).await, 403, "GW-0005");
    let members = ask(&rig, &ann, &id, Method::GET, "/workspace/members", None).await;
    let role = |who: &Person| members.body.as_array().unwrap().iter().find(|m| m["user_id"] == who.id.as_str()).unwrap()["role"].clone();
    assert_eq!((role(&ann), role(&bob)), (json!("admin"), json!("owner")));
    assert_eq!(
        rig.database.number(&format!("select count(*) from identity.workspaces where id = '{id}' and owner_id = '{}'", bob.id)).await,
        1
    );
    assert_eq!(
        rig.database
            .number(&format!("select count(*) from identity.audit_log where workspace_id = '{id}' and action = 'workspace.transfer'"))
            .await,
        1
    );
}

/// Transactions that lock a workspace and its invitations in different orders stop one another.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_is_accepted_while_its_workspace_ends_fails_nothing() {
    let rig = Rig::start().await;
    let (_, key) = rig.service_key().await;
    for round in 0..10 {
        let (owner, guest) = (person(&rig).await, person(&rig).await);
        let id = workspace(&rig, &owner, None).await;
        let token = invite(&rig, &owner, &id, &guest.email, "member").await;
        let path = format!("/auth/v1/admin/users/{}", owner.id);
        let (accepted, ended) = tokio::join!(
            ask(&rig, &guest, "", Method::POST, "/invitations/accept", Some(json!({ "token": token }))),
            rig.send(Method::DELETE, &path, Some(&key), None),
        );
        // Whoever was first decides: a member is there, and the owner stays; or the workspace ended.
        let outcome = (accepted.status.as_u16(), ended.status.as_u16());
        assert!(matches!(outcome, (200, 409) | (404 | 410, 200)), "round {round}: {outcome:?} {accepted:?} {ended:?}");
    }
}
