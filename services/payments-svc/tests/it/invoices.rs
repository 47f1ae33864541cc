//! Every payment has its invoice and every refund its credit note, numbered without a gap and right to the paisa.

use domain::money::Paise;
use futures_util::future::join_all;
use payments_svc::{payment::confirm, phonepe::MerchantOrderId, store::attempt};
use reqwest::{Method, StatusCode};
use sandbox::{Outcome, Weather, WebhookWeather};
use serde_json::{Value, json};
use testkit::person;

use crate::rig::Rig;

const BUYER_ELSEWHERE: &str = "27AAPFU0939F1ZV";

impl Rig {
    async fn save_details(&self, details: Value) -> (StatusCode, Value) {
        self.call(Method::PUT, "billing-details", &self.payer.token, Some(details)).await
    }

    async fn invoices(&self) -> Vec<Value> {
        let (status, body) = self.get("invoices").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["invoices"].as_array().unwrap().clone()
    }

    /// What the ledger says of an account, in paise.
    async fn balance(&self, account: &str) -> i64 {
        let sum = format!("select coalesce(sum(amount), 0)::bigint from payments.ledger_entry where account = '{account}'");
        self.database.number(&sum).await
    }

    async fn assert_ledger_balances(&self) {
        assert_eq!(self.database.number("select coalesce(sum(amount), 0)::bigint from payments.ledger_entry").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_has_an_invoice_as_data_page_and_file() {
    let rig = Rig::start().await;
    let order = rig.paid().await;
    let [invoice] = rig.invoices().await.try_into().unwrap();
    let number = invoice["number"].as_str().unwrap();
    assert!(number.starts_with("GW/") && number.ends_with("/000001"), "{number}");
    assert_eq!((&invoice["kind"], &invoice["order_id"], &invoice["place_of_supply"]), (&json!("invoice"), &json!(order), &json!("29")));
    let amounts = ["amount", "taxable", "cgst", "sgst", "igst"].map(|name| invoice[name].as_i64().unwrap());
    assert_eq!(amounts, [500_000, 423_728, 38_136, 38_136, 0]);

    let id = invoice["invoice_id"].as_str().unwrap();
    assert_eq!(rig.get(&format!("invoices/{id}")).await, (StatusCode::OK, invoice.clone()));
    let page = rig.fetch(&format!("invoices/{id}/html")).await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    let page = page.text().await.unwrap();
    for text in [number, "Rupees Five Thousand Only", "CGST 9 %", "₹4,237.28", "₹381.36", "GSTIN 29AAACG0000A1ZO", order.as_str()] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    let file = rig.fetch(&format!("invoices/{id}/pdf")).await;
    let name = format!("attachment; filename=\"{}.pdf\"", number.replace('/', "-"));
    assert_eq!(
        (&file.headers()["content-type"], file.headers()["content-disposition"].to_str().unwrap()),
        (&"application/pdf".parse().unwrap(), name.as_str())
    );
    let first = file.bytes().await.unwrap();
    assert!(first.starts_with(b"%PDF-"));
    assert_eq!(rig.fetch(&format!("invoices/{id}/pdf")).await.bytes().await.unwrap(), first);

    rig.wait_for_count(1, "select count(*) from payments.mail_outbox where sent_at is not null").await;
    let [mail] = rig.outside().mails().try_into().unwrap();
    assert!(mail.text.is_some_and(|text| text.contains(number)));
    let [attached] = mail.attachments.try_into().unwrap();
    assert_eq!((attached.filename, attached.content), (format!("{}.pdf", number.replace('/', "-")), first.to_vec()));
    assert_eq!((rig.balance("phonepe").await, rig.balance("sales").await), (500_000, -423_728));
    rig.assert_ledger_balances().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_of_another_state_pays_integrated_tax_and_stands_on_the_invoice() {
    let rig = Rig::start().await;
    assert_eq!(rig.get("billing-details").await.0, StatusCode::NOT_FOUND);
    let details =
        json!({ "legal_name": " Ångström LLP ", "gstin": "27aapfu0939f1zv", "address": ["221 Fergusson College Road", "Pune 411004"] });
    let kept = json!({
        "legal_name": "Ångström LLP", "gstin": BUYER_ELSEWHERE, "address": ["221 Fergusson College Road", "Pune 411004"],
        "state": "27", "state_name": "Maharashtra",
    });
    assert_eq!(rig.save_details(details).await, (StatusCode::OK, kept.clone()));
    assert_eq!(rig.get("billing-details").await, (StatusCode::OK, kept));
    rig.paid().await;
    // What is issued does not change with the details.
    let (status, _) = rig.save_details(json!({ "legal_name": "Other", "address": ["Kochi"], "state": "32" })).await;
    assert_eq!(status, StatusCode::OK);
    let [invoice] = rig.invoices().await.try_into().unwrap();
    assert_eq!((&invoice["igst"], &invoice["cgst"], &invoice["place_of_supply"]), (&json!(76_271), &json!(0), &json!("27")));
    let page = rig.fetch(&format!("invoices/{}/html", invoice["invoice_id"].as_str().unwrap())).await.text().await.unwrap();
    assert!(
        page.contains("Ångström LLP") && page.contains(BUYER_ELSEWHERE) && page.contains("IGST 18 %") && !page.contains("Kochi"),
        "{page}"
    );
    let audited = "select count(*) from payments.audit_log where action = 'billing_details.change' and detail::text !~ 'Other|Kochi'";
    assert_eq!(rig.database.number(audited).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_billing_detail_is_named_at_once() {
    let rig = Rig::start().await;
    let cases = [
        (json!({ "legal_name": "", "address": [], "gstin": "27AAPFU0939F1ZW" }), vec!["/legal_name", "/address", "/gstin", "/state"]),
        (json!({ "legal_name": "भारत", "address": ["Pune", " "], "state": "27" }), vec!["/legal_name", "/address/1"]),
        (json!({ "legal_name": "A".repeat(121), "address": ["Pune"], "state": "99" }), vec!["/legal_name", "/state"]),
        (json!({ "legal_name": "A", "address": vec!["x"; 5], "state": "29", "gstin": BUYER_ELSEWHERE }), vec!["/address", "/state"]),
    ];
    for (details, expected) in cases {
        let (status, problem) = rig.save_details(details.clone()).await;
        let found: Vec<&str> = problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!((status, found), (StatusCode::UNPROCESSABLE_ENTITY, expected), "{details}");
    }
    assert_eq!(rig.database.number("select count(*) from payments.billing_details").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_plain_members_see_no_invoice() {
    let rig = Rig::start().await;
    rig.paid().await;
    let [invoice] = rig.invoices().await.try_into().unwrap();
    let id = invoice["invoice_id"].as_str().unwrap();
    let stranger = person(&rig.database).await;
    for path in [format!("invoices/{id}"), format!("invoices/{id}/html"), format!("invoices/{id}/pdf")] {
        assert_eq!(rig.call(Method::GET, &path, &stranger.token, None).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    rig.sql(&format!("update identity.memberships set role = 'member' where user_id = '{}'", rig.payer.user)).await;
    for path in ["invoices", "billing-details"] {
        assert_eq!(rig.get(path).await.0, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_given_back_have_credit_notes_that_add_up_to_the_invoice() {
    let rig = Rig::start().await;
    let id = rig.paid().await;
    for amount in [Some(33_333), Some(100_001), None] {
        let refund = rig.give_back(&id, amount).await.unwrap();
        rig.wait_for_refund(&refund, "completed").await;
    }
    let documents = rig.invoices().await;
    let numbers: Vec<&str> = documents.iter().map(|document| &document["number"].as_str().unwrap()[9..]).collect();
    assert_eq!(numbers, ["000003", "000002", "000001", "000001"]);
    let sum = |name: &str, kind: &str| -> i64 {
        documents.iter().filter(|document| document["kind"] == kind).map(|document| document[name].as_i64().unwrap()).sum()
    };
    for name in ["amount", "taxable", "cgst", "sgst", "igst"] {
        assert_eq!(sum(name, "credit_note"), sum(name, "invoice"), "{name}");
    }
    let invoice = &documents[3]["invoice_id"];
    assert!(documents[..3].iter().all(|note| note["corrects"] == *invoice && note["number"].as_str().unwrap().starts_with("CN/")));
    for account in ["phonepe", "sales", "cgst", "sgst", "igst", "owed_to_payers"] {
        assert_eq!(rig.balance(account).await, 0, "{account}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_twice_is_owed_until_it_is_back_and_has_no_document() {
    let rig = Rig::start().await;
    let first = rig.ordered().await;
    rig.end(&first, Outcome::Success);
    rig.wait_for_state(&first, "completed").await;
    rig.sql(
        "insert into payments.attempt (merchant_order_id, order_id, n, state) select id || '-2', id, 2, 'pending' from payments.orders",
    )
    .await;
    let app = rig.app();
    let second = MerchantOrderId::parse(&format!("{first}-2")).unwrap();
    let attempt = attempt::find(&mut app.kit.worker_db.get().await.unwrap(), &second).await.unwrap().unwrap();
    let mut answer = app.gateway.order_status(&MerchantOrderId::parse(&format!("{first}-1")).unwrap(), None).await.unwrap();
    if let payments_svc::phonepe::StatusAnswer::Found(status) = &mut answer {
        status.merchant_order_id = None;
        status.provider_order_id = Some("OMO-second".to_owned());
    }
    assert_eq!(confirm::apply(&app, &attempt, &answer).await.unwrap(), confirm::Outcome::Repaid);
    assert_eq!((rig.balance("phonepe").await, rig.balance("owed_to_payers").await), (1_000_000, -500_000));
    assert_eq!(rig.invoices().await.len(), 1);
    rig.assert_ledger_balances().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_have_no_gap_whoever_confirms_at_once_and_whatever_fails() {
    let rig = Rig::start().await;
    rig.outside().set_weather(Weather { webhook: WebhookWeather { lost: true, ..WebhookWeather::default() }, ..Weather::default() });
    let mut orders = Vec::new();
    for _ in 0..16 {
        let payer = person(&rig.database).await;
        let body = json!({ "plan": "ascent", "cycle": "monthly" });
        let (status, order) = rig.call(Method::POST, "initiate", &payer.token, Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{order}");
        let id = order["order_id"].as_str().unwrap().to_owned();
        rig.end(&id, Outcome::Success);
        orders.push(id);
    }
    // A quarter cannot be written: their numbers go to others.
    let failing = orders.iter().take(4).map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
    rig.sql("create function payments.fail() returns trigger language plpgsql as $$ begin raise exception 'planted'; end $$").await;
    rig.sql(&format!(
        "create trigger planted after insert on payments.invoice for each row when (new.order_id in ({failing})) \
         execute function payments.fail()"
    ))
    .await;
    let app = rig.app();
    let confirmed = join_all(orders.iter().map(async |order| {
        let id = MerchantOrderId::parse(&format!("{order}-1")).unwrap();
        let known = attempt::find(&mut app.kit.worker_db.get().await.unwrap(), &id).await.unwrap().unwrap();
        let answer = app.gateway.order_status(&id, None).await.unwrap();
        confirm::apply(&app, &known, &answer).await.is_ok()
    }))
    .await;
    assert_eq!(confirmed.iter().filter(|done| **done).count(), 12);
    let gapless = "select count(*) from (select n, row_number() over (order by n) as place from payments.invoice) numbered where n = place";
    assert_eq!((rig.database.number("select count(*) from payments.invoice").await, rig.database.number(gapless).await), (12, 12));
    rig.sql("drop trigger planted on payments.invoice").await;
    for order in &orders {
        rig.make_check_due(order).await;
    }
    rig.wait_for_count(16, "select count(*) from payments.invoice").await;
    assert_eq!(rig.database.number(gapless).await, 16);
    assert_eq!(rig.balance("phonepe").await, 16 * Paise::new(500_000).get());
    rig.assert_ledger_balances().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_refuses_what_no_ledger_and_no_invoice_may_do() {
    let rig = Rig::start().await;
    let order = rig.paid().await;
    let mut service = rig.database.service("payments_svc", "payments").await;
    let unbalanced = format!(
        "insert into ledger_entry (id, posting_id, cause, account, amount, workspace_id, order_id, merchant_order_id, occurred_at) \
         values ('{order}', '{order}', 'excess', 'owed_to_payers', -1, '{order}', '{order}', '{order}-1', now())"
    );
    let cases = [
        (unbalanced.as_str(), "do not add up to zero"),
        ("update ledger_entry set amount = amount + 1", "permission denied"),
        ("delete from ledger_entry", "permission denied"),
        ("update invoice set amount = amount", "permission denied"),
        ("delete from invoice", "permission denied"),
    ];
    for (statement, message) in cases {
        let refused = diesel_async::RunQueryDsl::execute(diesel::sql_query(statement), &mut service).await.unwrap_err().to_string();
        assert!(refused.contains(message), "{statement}: {refused}");
    }
}
