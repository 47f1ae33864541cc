//! What operators do at the console.

use clap::Parser;
use payments_svc::console::Console;
use reqwest::StatusCode;
use sandbox::{Outcome, Weather, WebhookWeather};
use serde_json::{Value, json};

use crate::rig::{CREDENTIALS, Rig};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Console,
}

impl Rig {
    /// What a command writes.
    pub async fn run(&self, line: &str) -> anyhow::Result<String> {
        let command = Line::try_parse_from(std::iter::once("payments-svc").chain(line.split(' ')))?.command;
        let mut out = Vec::new();
        command.run(&self.app(), &mut out).await?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// The one line of JSON that it writes.
    async fn run_json(&self, line: &str) -> Value {
        serde_json::from_str(&self.run(line).await.unwrap()).unwrap()
    }

    pub fn without_webhooks(&self) {
        let webhook = WebhookWeather { lost: true, ..WebhookWeather::default() };
        self.outside().set_weather(Weather { webhook, ..Weather::default() });
    }

    /// An order of which PhonePe says another amount than was asked.
    async fn quarantined(&self) -> String {
        self.without_webhooks();
        let id = self.ordered().await;
        self.sql("update payments.orders set amount = amount + 1").await;
        self.end(&id, Outcome::Success);
        self.make_check_due(&id).await;
        self.wait_for_state(&id, "quarantined").await;
        id
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_shown_whole_and_reconciled_when_nobody_told_us() {
    let rig = Rig::start().await;
    rig.without_webhooks();
    let id = rig.ordered().await;
    rig.sql("update payments.orders set next_check_at = now() + interval '1 day'").await;
    rig.end(&id, Outcome::Success);
    let dry = rig.run(&format!("orders reconcile {id} --dry-run")).await.unwrap();
    assert_eq!(dry, format!("{id}-1: PhonePe says COMPLETED\n"));
    assert_eq!(rig.state_of(&id).await, "pending");
    let done = rig.run_json(&format!("orders reconcile {id} --json")).await;
    assert_eq!((&done["phonepe"]["state"], &done["outcome"]), (&json!("COMPLETED"), &json!("completed")));
    assert_eq!(rig.run(&format!("orders reconcile {id}")).await.unwrap(), format!("{id}-1: PhonePe says COMPLETED; unchanged\n"));
    rig.assert_confirmed_once().await;
    let shown = rig.run(&format!("orders show {id}")).await.unwrap();
    assert!(shown.starts_with(&format!("{id} completed, ascent monthly for 5,000.00 rupees, workspace ")), "{shown}");
    assert!(shown.contains(&format!("  attempt {id}-1 completed, OMO")) && shown.contains("  invoice GW/"), "{shown}");
    let shown = rig.run_json(&format!("orders show {id} --json")).await;
    assert_eq!((&shown["state"], &shown["attempts"][0]["state"]), (&json!("completed"), &json!("completed")));
    let listed = rig.run(&format!("orders list --workspace {} --state completed", rig.payer.workspace)).await.unwrap();
    assert_eq!(listed.lines().count(), 1);
    assert_eq!(rig.run("orders list --state failed").await.unwrap(), "");
    let unknown = rig.run("orders show 019c2d6e-0000-7000-8000-000000000002").await.unwrap_err().to_string();
    assert_eq!(unknown, "there is no such order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_order_is_taken_only_when_phonepe_says_its_amount() {
    let rig = Rig::start().await;
    let id = rig.quarantined().await;
    let refused = rig.run(&format!("orders fix {id} --as paid --why ticket-7")).await.unwrap_err().to_string();
    assert!(refused.contains("give the money back in its dashboard"), "{refused}");
    rig.assert_nothing_confirmed().await;
    // The price list was wrong, not the payment.
    rig.sql("update payments.orders set amount = amount - 1").await;
    assert_eq!(
        rig.run(&format!("orders fix {id} --as paid --why ticket-7 --dry-run")).await.unwrap(),
        format!("{id} would become completed\n")
    );
    assert_eq!(rig.state_of(&id).await, "quarantined");
    let fixed = rig.run_json(&format!("orders fix {id} --as paid --why ticket-7 --json")).await;
    assert_eq!(fixed, json!({ "order_id": id, "state": "completed", "dry_run": false }));
    rig.assert_confirmed_once().await;
    assert_eq!(rig.database.number("select count(*) from payments.invoice").await, 1);
    let audited =
        "select count(*) from payments.audit_log where action = 'order.fix' and detail->>'why' = 'ticket-7' and workspace_id is not null";
    assert_eq!(rig.database.number(audited).await, 1);
    let refused = rig.run(&format!("orders fix {id} --as unpaid --why again")).await.unwrap_err().to_string();
    assert_eq!(refused, "an order that is completed is not quarantined: there is nothing to decide");
    let refund = rig.give_back(&id, None).await.unwrap();
    rig.wait_for_refund(&refund, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_order_has_failed_and_another_can_be_made() {
    let rig = Rig::start().await;
    let id = rig.quarantined().await;
    assert_eq!(rig.run(&format!("orders fix {id} --as unpaid --why ticket-8")).await.unwrap(), format!("{id} is failed\n"));
    assert_eq!((rig.state_of(&id).await.as_str(), rig.events("payments.payment.failed.v1").await), ("failed", 1));
    rig.assert_nothing_confirmed().await;
    rig.paid().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_listed_and_worked_on_again() {
    let rig = Rig::start().await;
    let id = rig.paid().await;
    rig.wait_for_count(1, "select count(*) from payments.webhook_receipt where processed_at is not null").await;
    assert_eq!(rig.webhook(Some(CREDENTIALS), json!({ "event": "nobody.knows" }).to_string()).await, StatusCode::OK);
    rig.wait_for_count(2, "select count(*) from payments.webhook_receipt where processed_at is not null").await;
    let listed = rig.run_json(&format!("webhooks list --order {id} --json")).await;
    assert_eq!((&listed["event"], &listed["seen"]), (&json!("checkout.order.completed"), &json!(1)));
    let listed = rig.run("webhooks list").await.unwrap();
    assert!(listed.contains("checkout.order.completed about ") && listed.contains("nobody.knows about nothing known"), "{listed}");
    let refused = rig.run("webhooks replay --why x").await.unwrap_err().to_string();
    assert_eq!(refused, "say which webhooks: --id, --order, --since or --troubled");
    assert_eq!(rig.run(&format!("webhooks replay --order {id} --why x --dry-run")).await.unwrap().lines().count(), 1);
    assert_eq!(rig.run(&format!("webhooks replay --order {id} --why ticket-9")).await.unwrap(), "1 webhooks are worked on again\n");
    rig.wait_for_count(2, "select count(*) from payments.webhook_receipt where processed_at is not null").await;
    rig.assert_confirmed_once().await;
    assert_eq!(rig.database.number("select count(*) from payments.audit_log where action = 'webhooks.replay'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_shown_canceled_and_kept() {
    let rig = Rig::start().await;
    let workspace = rig.payer.workspace;
    let none = rig.run(&format!("subscriptions show {workspace}")).await.unwrap_err().to_string();
    assert_eq!(none, "the workspace has no subscription");
    let order = rig.paid().await;
    let dry = rig.run(&format!("subscriptions cancel {workspace} --why x --dry-run")).await.unwrap();
    assert!(dry.contains(" would be canceled, ascent monthly from "), "{dry}");
    let shown = rig.run(&format!("subscriptions show {workspace}")).await.unwrap();
    assert!(shown.contains(" active, ascent monthly from ") && shown.contains(&format!("  paid by order {order}")), "{shown}");
    let canceled = rig.run_json(&format!("subscriptions cancel {workspace} --why ticket-1 --json")).await;
    assert_eq!(canceled["status"], json!("canceled"));
    assert_eq!(rig.run_json(&format!("subscriptions keep {workspace} --why ticket-2 --json")).await["status"], json!("active"));
    let over = rig.run_json(&format!("subscriptions cancel {workspace} --now --why ticket-3 --json")).await;
    assert_eq!(over["status"], json!("canceled"));
    let audited = "select count(*) from payments.audit_log where action ~ '^subscription.(cancel|keep)' and detail->>'by' like 'os:%'";
    assert_eq!(rig.database.number(audited).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_listed_shown_and_set_again() {
    let rig = Rig::start().await;
    rig.paid().await;
    let [line] = rig
        .run(&format!("invoices list --workspace {}", rig.payer.workspace))
        .await
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let number = line.split(' ').next().unwrap().to_owned();
    assert!(
        line.contains(" invoice of 5,000.00 rupees, 762.72 of it tax, order ") && line.ends_with(", without billing details"),
        "{line}"
    );
    assert_eq!(rig.run(&format!("invoices show {number}")).await.unwrap(), format!("{line}\n"));
    // The mail carried it, so that it was set before.
    rig.wait_for_count(1, "select count(*) from payments.invoice_pdf").await;
    rig.sql("update payments.invoice_pdf set pdf = 'not readable'").await;
    let path = std::env::temp_dir().join(format!("{}.pdf", rig.payer.workspace));
    let first = rig.run(&format!("invoices rebuild-pdf {number} --why x --out {} --dry-run", path.display())).await.unwrap();
    assert!(first.ends_with("different from before; nothing was kept\n"), "{first}");
    assert!(std::fs::read(&path).unwrap().starts_with(b"%PDF-"));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(rig.run_json(&format!("invoices rebuild-pdf {number} --why x --json")).await["changed"], json!(true));
    assert_eq!(rig.run_json(&format!("invoices rebuild-pdf {number} --why x --json")).await["changed"], json!(false));
    assert!(rig.run("invoices show GW/26-27/999999").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_phonepe_moved_is_reported_and_adds_up() {
    let rig = Rig::start().await;
    let id = rig.paid().await;
    let refund = rig.give_back(&id, Some(100_000)).await.unwrap();
    rig.wait_for_refund(&refund, "completed").await;
    let csv = rig.run("reports transactions --from 2026-01-01").await.unwrap();
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 3, "{csv}");
    assert_eq!(&lines[1][1..8], ["payment", "500000", "423728", "38136", "38136", "0", lines[1][7]]);
    assert_eq!(&lines[2][1..7], ["refund", "-100000", "-84746", "-7627", "-7627", "0"]);
    assert!(
        lines[1][7].starts_with("GW/")
            && lines[2][7].starts_with("CN/")
            && lines[1][11].starts_with("OM")
            && lines[2][13].starts_with("OMR"),
        "{csv}"
    );
    let today = lines[1][0].get(..10).unwrap();
    let settlement = rig.run_json(&format!("reports settlement --day {today} --json")).await;
    assert_eq!(settlement["net"], json!(400_000));
    let accounts: i64 = settlement["accounts"].as_array().unwrap().iter().map(|account| account["amount"].as_i64().unwrap()).sum();
    assert_eq!(accounts, 0);
    let shown = rig.run(&format!("reports settlement --day {today}")).await.unwrap();
    assert!(
        shown.contains("payment") && shown.contains("5,000.00") && shown.contains("-1,000.00") && shown.contains("4,000.00"),
        "{shown}"
    );
    assert!(rig.run("reports transactions --from 2026-02-01 --to 2026-01-01").await.is_err());
}
