"""Writes the dashboards into dashboards/*.json; `dashboards.py check` says whether they are up to date. A panel is a title,
what it tells, a unit and its queries; Grafana's JSON around that is the same for all."""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "dashboards"
SERVICE = 'job=~"$service"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def panel(title, tells, unit, *queries, kind="timeseries", width=12):
    """`queries` are pairs of a query and its legend."""
    return {"title": title, "tells": tells, "unit": unit, "queries": queries, "kind": kind, "width": width}


DASHBOARDS = {
    "journey": ("Journey", [
        panel("Passed each step, last hour", "From sign-up to manifest; a step that is much lower than the one before loses people.", "short",
              ("journey:steps:increase1h", "{{step}}"), kind="bargauge", width=24),
        panel("Rate of each step", "Per second; the lines follow each other within seconds.", "ops",
              ('sum(rate(auth_sign_ups_total{outcome="done"}[$__rate_interval]))', "signed up"),
              ('sum(rate(payments_orders_total{state="pending"}[$__rate_interval]))', "ordered"),
              ('sum(rate(payments_orders_total{state="completed"}[$__rate_interval]))', "paid"),
              ("sum(rate(onboarding_unlocks_total[$__rate_interval]))", "unlocked"),
              ("sum(rate(onboarding_finalizes_total[$__rate_interval]))", "finalized"),
              ('sum(rate(bcm_manifests_generated_total{cause="finalized",outcome="new"}[$__rate_interval]))', "manifest"), width=24),
        panel("Sign-ups and sign-ins", "Refused sign-ins in a crowd are somebody guessing passwords.", "ops",
              ("sum by (outcome) (rate(auth_sign_ups_total[$__rate_interval]))", "sign-up {{outcome}}"),
              ("sum by (outcome) (rate(auth_sign_ins_total[$__rate_interval]))", "sign-in {{outcome}}")),
        panel("Edits", "Where edits are stored first; postgres means that Redis is down.", "ops",
              ("sum by (tier) (rate(onboarding_saves_total[$__rate_interval]))", "{{tier}}"),
              ("sum(rate(onboarding_conflicts_total[$__rate_interval]))", "conflict")),
        panel("Drafts behind", "Workspaces whose drafts only Redis has, and for how long the first is overdue.", "short",
              ("max(onboarding_dirty_workspaces)", "workspaces"),
              ("max(onboarding_write_behind_lag_seconds)", "overdue (s)")),
        panel("Write-behind", "Failed ones are tried again; fenced ones were overtaken by a finalize.", "ops",
              ("sum by (outcome) (rate(onboarding_flushes_total[$__rate_interval]))", "{{outcome}}"),
              ("sum(rate(onboarding_rebuilds_total[$__rate_interval]))", "loaded from PostgreSQL")),
        panel("Oldest finalize without a manifest", "Above 120 s somebody is waiting for something that does not come.", "s",
              ("max(onboarding_finalize_oldest_age_seconds)", "age")),
        panel("Finalizes asked for again", "The job repeats what is stuck.", "short",
              ("sum(increase(onboarding_finalize_repeated_total[$__range]))", "repeated"), kind="stat"),
        panel("Sessions", "Onboardings by status.", "short", ("max by (status) (onboarding_sessions)", "{{status}}")),
        panel("Steps", "Steps that were touched; invalid ones were completed and changed since.", "short",
              ("max by (state) (onboarding_steps)", "{{state}}")),
        panel("Cleanup", "Reminders and archived sessions; keys in Redis that had to be repaired or removed.", "short",
              ("sum by (act) (increase(onboarding_cleanup_total[$__range]))", "{{act}}"),
              ("max(onboarding_cleanup_age_seconds)", "last round (s ago)")),
        panel("Taken back and taken over", "Undone edits, and imports by source.", "ops",
              ("sum(rate(onboarding_undos_total[$__rate_interval]))", "undo"),
              ("sum by (source) (rate(onboarding_imports_total[$__rate_interval]))", "import {{source}}")),
    ]),
    "requests": ("Requests by service", [
        panel("Rate", "Requests per second.", "reqps", (f"job:http_requests:rate5m{{{SERVICE}}}", "{{job}}")),
        panel("Errors", "Share of answers with 5xx.", "percentunit", (f"job:http_errors:ratio_rate5m{{{SERVICE}}}", "{{job}}")),
        panel("Duration", "To the head of the answer; event streams count to theirs too.", "s",
              (f"job:http_request_duration_seconds:p50_5m{{{SERVICE}}}", "{{job}} p50"),
              (f"job:http_request_duration_seconds:p99_5m{{{SERVICE}}}", "{{job}} p99")),
        panel("Budget burnt", "1 is 99.9 % exactly; at 14.4 for an hour somebody is woken.", "short",
              (f"job:http_errors:ratio_rate1h{{{SERVICE}}} / 0.001", "{{job}} 1 h"),
              (f"job:http_errors:ratio_rate6h{{{SERVICE}}} / 0.001", "{{job}} 6 h")),
        panel("Rate by route", "The busiest ten.", "reqps",
              (f"topk(10, sum by (job, method, route) (rate(http_request_duration_seconds_count{{{SERVICE}}}[$__rate_interval])))", "{{job}} {{method}} {{route}}")),
        panel("p99 by route", "The slowest ten.", "s",
              (f"topk(10, histogram_quantile(0.99, sum by (job, method, route, le) (rate(http_request_duration_seconds_bucket{{{SERVICE}}}[$__rate_interval]))))", "{{job}} {{method}} {{route}}")),
        panel("Answers by status", "4xx are the callers', 5xx ours.", "reqps",
              (f"sum by (job, status) (rate(http_request_duration_seconds_count{{{SERVICE}}}[$__rate_interval]))", "{{job}} {{status}}")),
        panel("Refused by limits", "Requests, and the waits for our own budget at PhonePe and the mail provider.", "ops",
              (f"sum by (job, limit) (rate(rate_limited_total{{{SERVICE}}}[$__rate_interval]))", "{{job}} {{limit}}")),
    ]),
    "messaging": ("Messaging", [
        panel("Waiting to be published", "Events in the outboxes.", "short", (f"job:outbox_pending:max{{{SERVICE}}}", "{{job}}")),
        panel("Age of the oldest", "Above 60 s nothing is published.", "s", (f"job:outbox_oldest_age_seconds:max{{{SERVICE}}}", "{{job}}")),
        panel("Given up", "Each blocks its aggregate until somebody acts.", "short", (f"job:outbox_parked:max{{{SERVICE}}}", "{{job}}"), kind="stat"),
        panel("Dead letters", "By the queue that they could not be taken from.", "short",
              (f"job_queue:messaging_dead_letters:max{{{SERVICE}}}", "{{queue}}"), kind="stat"),
        panel("Published", "By the broker's answer.", "ops",
              (f"sum by (job, result) (rate(messaging_published_total{{{SERVICE}}}[$__rate_interval]))", "{{job}} {{result}}"),
              (f"sum by (job) (rate(messaging_stale_marks_total{{{SERVICE}}}[$__rate_interval]))", "{{job}} stale mark")),
        panel("Consumed", "By what came of it.", "ops",
              (f"sum by (queue, outcome) (rate(messaging_consumed_total{{{SERVICE}}}[$__rate_interval])) > 0", "{{queue}} {{outcome}}")),
        panel("Depth of the queues", "A line that only rises is not consumed.", "short",
              (f"job_queue:messaging_queue_depth:max{{{SERVICE}}}", "{{queue}}")),
        panel("Time to a verdict, p99", "From taking a message to its end.", "s",
              (f"histogram_quantile(0.99, sum by (queue, le) (rate(messaging_handling_seconds_bucket{{{SERVICE}}}[$__rate_interval])))", "{{queue}}")),
        panel("Consumers", "1 while the broker lists one.", "short", (f"job_queue:messaging_consumer_alive:max{{{SERVICE}}}", "{{queue}}")),
        panel("Trouble of consumers", "Guarded: nothing succeeds and it probes.", "short",
              (f"max by (queue) (messaging_consumer_guarded{{{SERVICE}}})", "guarded {{queue}}"),
              (f"sum by (queue) (increase(messaging_consumer_rebuilds_total{{{SERVICE}}}[$__rate_interval]))", "built anew {{queue}}"),
              (f"sum by (queue) (increase(messaging_acks_lost_total{{{SERVICE}}}[$__rate_interval]))", "ack lost {{queue}}"),
              (f"sum by (queue) (increase(messaging_redelivered_total{{{SERVICE}}}[$__rate_interval]))", "redelivered {{queue}}"),
              (f"sum by (queue) (increase(messaging_handler_panics_total{{{SERVICE}}}[$__rate_interval]))", "panic {{queue}}")),
        panel("Connections to the broker", "Blocked: its memory or disk runs out.", "short",
              (f"min by (job, purpose) (messaging_connected{{{SERVICE}}})", "{{job}} {{purpose}}"),
              (f"max by (job) (messaging_publisher_blocked{{{SERVICE}}})", "{{job}} blocked")),
        panel("The broker", "All queues together.", "short",
              ("rabbitmq_queue_messages_ready", "ready"), ("rabbitmq_queue_messages_unacked", "unacknowledged"),
              ("rabbitmq_connections", "connections"), ("rabbitmq_channels", "channels"), ("rabbitmq_consumers", "consumers")),
        panel("The broker's memory and disk", "It blocks publishers at its limits.", "bytes",
              ("rabbitmq_process_resident_memory_bytes", "memory"), ("rabbitmq_resident_memory_limit_bytes", "memory limit"),
              ("rabbitmq_disk_space_available_bytes", "disk free"), ("rabbitmq_disk_space_available_limit_bytes", "disk limit")),
    ]),
    "tiers": ("Manifests and their tiers", [
        panel("Found in", "Share of reads by tier.", "percentunit",
              ("what_tier:bcm_tier_reads:ratio_rate5m", "{{what}} {{tier}}")),
        panel("Missed", "Reads that a tier was asked for and did not have.", "ops",
              ('sum by (what) (rate(bcm_tier_reads_total{tier=~"redis|postgres"}[$__rate_interval]))', "{{what}} not in memory"),
              ('sum by (what) (rate(bcm_tier_reads_total{tier="postgres"}[$__rate_interval]))', "{{what}} not in Redis")),
        panel("Reads", "Per second.", "ops", ("sum by (what, tier) (rate(bcm_tier_reads_total[$__rate_interval]))", "{{what}} {{tier}}")),
        panel("Memory tier", "Manifests kept ready to send, by process.", "bytes", ("bcm_memory_tier_bytes", "{{instance}}"),
              ("max(bcm_memory_tier_budget_bytes)", "budget")),
        panel("Made room", "Versions that others took the place of in a process. Many: the budget is too small.", "ops",
              ("sum by (instance) (rate(bcm_memory_tier_evictions_total[$__rate_interval]))", "{{instance}}")),
        panel("Versions in Redis", "When it was last looked through.", "short", ("max(bcm_redis_versions)", "versions")),
        panel("Removed from Redis", "What had no workspace, no life or no place in the budget.", "short",
              ("sum by (reason) (increase(bcm_redis_swept_total[$__rate_interval]))", "{{reason}}")),
        panel("Answers that may be old", "PostgreSQL did not answer, and the last known version was given.", "ops",
              ("sum(rate(bcm_stale_heads_total[$__rate_interval]))", "reads")),
        panel("Contexts dealt with", "By cause and by what came of them.", "ops",
              ("sum by (cause, outcome) (rate(bcm_manifests_generated_total[$__rate_interval]))", "{{cause}} {{outcome}}")),
        panel("Time to reduce", "One context.", "s",
              ("histogram_quantile(0.5, sum by (le) (rate(bcm_reduce_duration_seconds_bucket[$__rate_interval])))", "p50"),
              ("histogram_quantile(0.99, sum by (le) (rate(bcm_reduce_duration_seconds_bucket[$__rate_interval])))", "p99")),
        panel("Checksums that did not match", "Those of postgres wake somebody.", "short",
              ("sum by (tier) (increase(bcm_integrity_failures_total[$__range]))", "{{tier}}"), kind="stat"),
        panel("Removed and not noted", "Versions that retention removed; reads that the access log lacks.", "short",
              ("sum(increase(bcm_versions_removed_total[$__range]))", "versions removed"),
              ("sum(increase(bcm_access_log_dropped_total[$__range]))", "reads not noted"), kind="stat"),
        panel("Redis", "Commands without an answer, by service. Open: it is not asked because it kept failing.", "ops",
              ("sum by (job, reason) (rate(cache_failures_total[$__rate_interval]))", "{{job}} {{reason}}"),
              ("max by (job) (cache_breaker_open)", "{{job}} open")),
    ]),
    "payments": ("Payments and reconciliation", [
        panel("Orders by the state they reached", "Per second.", "ops",
              ("sum by (state) (rate(payments_orders_total[$__rate_interval]))", "{{state}}")),
        panel("Open orders", "Those that wait to be paid.", "short", ("max by (state) (payments_open_orders)", "{{state}}")),
        panel("Age of the oldest open order", "It can be paid for 20 minutes.", "s",
              ("max by (state) (payments_open_order_age_seconds)", "{{state}}")),
        panel("Overdue checks", "Above 0 the reconciler does not keep up.", "short", ("max(payments_overdue_checks)", "orders")),
        panel("Checks", "What the reconciler was told.", "ops",
              ("sum by (outcome) (rate(payments_checks_total[$__rate_interval]))", "{{outcome}}")),
        panel("PhonePe's answers", "Ambiguous and unavailable ones are asked for again.", "ops",
              ("sum by (call, outcome) (rate(phonepe_request_duration_seconds_count[$__rate_interval]))", "{{call}} {{outcome}}")),
        panel("PhonePe's tokens", "Failed: the old one is used while it lasts.", "ops",
              ("sum by (outcome) (rate(phonepe_tokens_total[$__rate_interval]))", "{{outcome}}")),
        panel("PhonePe's p99", "By call.", "s",
              ("histogram_quantile(0.99, sum by (call, le) (rate(phonepe_request_duration_seconds_bucket[$__rate_interval])))", "{{call}}")),
        panel("Webhooks", "Received, and worked on.", "ops",
              ("sum by (outcome) (rate(payments_webhooks_total[$__rate_interval]))", "received {{outcome}}"),
              ("sum by (outcome) (rate(payments_receipts_total[$__rate_interval]))", "worked on {{outcome}}")),
        panel("Stored webhooks that wait", "How many, and for how long the first has been due.", "short",
              ("max(payments_receipts_pending)", "waiting"), ("max(payments_receipts_lag_seconds)", "due for (s)")),
        panel("Money that is not where it should be", "Quarantined orders and failed refunds need a person; the others a look.", "short",
              ('sum(increase(payments_orders_total{state="quarantined"}[$__range]))', "quarantined"),
              ('sum(increase(payments_refunds_total{state=~"failed|mismatched"}[$__range]))', "refund failed"),
              ("sum(increase(payments_excess_payments_total[$__range]))", "paid twice"),
              ("sum(increase(payments_late_successes_total[$__range]))", "paid late"), kind="stat"),
        panel("Refunds by the state they reached", "Per second.", "ops",
              ("sum by (state) (rate(payments_refunds_total[$__rate_interval]))", "{{state}}")),
        panel("Open refunds", "How many, and the age of the oldest; banks take days.", "short",
              ("max(payments_open_refunds)", "open"), ("max(payments_open_refund_age_seconds)", "oldest (s)")),
        panel("Subscriptions", "By state.", "short", ("max by (state) (payments_subscriptions)", "{{state}}")),
        panel("Subscriptions that moved with time", "Renewed, past due or over in the time shown.", "short",
              ("sum by (change) (increase(payments_subscription_lapses_total[$__range]))", "{{change}}"), kind="stat"),
        panel("Mandates", "By state, and those that PhonePe has yet to end.", "short", ("max by (state) (payments_mandates)", "{{state}}"),
              ("max(payments_mandates_to_end)", "to be ended")),
        panel("Debits", "Under way, and those that should have ended.", "short",
              ("max(payments_open_debits)", "under way"), ("max(payments_overdue_debits)", "overdue")),
        panel("Mails", "Attempts by outcome.", "ops", ("sum by (job, outcome) (rate(mail_attempts_total[$__rate_interval]))", "{{job}} {{outcome}}")),
        panel("Mails that wait", "How many, and the age of the oldest.", "short",
              ("max by (job) (mail_pending)", "{{job}}"), ("max by (job) (mail_oldest_age_seconds)", "{{job}} oldest (s)")),
        panel("What became of mails", "As the provider's webhooks tell; addresses that bounced or complained get no more.", "short",
              ("sum by (job, state) (increase(mail_deliveries_total[1h]))", "{{job}} {{state}}"),
              ("sum by (job, reason) (increase(mail_suppressed_total[1h]))", "{{job}} not sent: {{reason}}")),
        panel("Webhooks about mails", "Unauthenticated: another secret than the provider's.", "ops",
              ("sum by (job, outcome) (rate(mail_webhooks_total[$__rate_interval]))", "{{job}} {{outcome}}")),
    ]),
    "resources": ("Processes and what they depend on", [
        panel("Up", "Answers Prometheus.", "short", ("up", "{{job}} {{instance}}"), kind="stat", width=24),
        panel("Ready", "Not ready: the database does not answer, or it drains. Degraded: readyz names why.", "short",
              (f"service_ready{{{SERVICE}}}", "ready {{job}} {{instance}}"), (f"service_degraded{{{SERVICE}}}", "degraded {{job}} {{instance}}")),
        panel("Running", "What was built, and since when it runs.", "s",
              (f"time() - process_start_time_seconds{{{SERVICE}}}", "{{job}} {{instance}}"), kind="stat"),
        panel("Versions", "More than one while a new one is rolled out.", "short",
              (f"count by (job, version, profile) (build_info{{{SERVICE}}})", "{{job}} {{version}} {{profile}}"), kind="stat"),
        panel("CPU", "Cores in use.", "short", (f"rate(process_cpu_seconds_total{{{SERVICE}}}[$__rate_interval])", "{{job}} {{instance}}")),
        panel("Memory", "Resident.", "bytes", (f"process_resident_memory_bytes{{{SERVICE}}}", "{{job}} {{instance}}")),
        panel("Open files", "Share of what is allowed.", "percentunit",
              (f"process_open_fds{{{SERVICE}}} / process_max_fds{{{SERVICE}}}", "{{job}} {{instance}}")),
        panel("Event streams", "Open ones; each holds a connection.", "short", (f"event_streams_open{{{SERVICE}}}", "{{job}} {{instance}}")),
        panel("Threads", "A line that only rises is a leak.", "short", (f"process_threads{{{SERVICE}}}", "{{job}} {{instance}}")),
        panel("Database connections", "Waiting above 0: the pool is too small or its connections hang.", "short",
              (f"sum by (job, pool, state) (db_pool_connections{{{SERVICE}}})", "{{job}} {{pool}} {{state}}")),
        panel("Connections to Redis", "Failed: the breaker is open.", "short",
              (f"sum by (job, state) (cache_connections{{{SERVICE}}})", "{{job}} {{state}}")),
        panel("Panics", "Each is a defect.", "short", (f"sum by (job) (increase(panics_total{{{SERVICE}}}[$__range]))", "{{job}}"), kind="stat"),
        panel("Users repaired", "Those whose profile or workspace was missing.", "short",
              ("sum by (outcome) (increase(auth_repairs_total[$__range]))", "{{outcome}}"), kind="stat"),
        panel("Refreshes", "Reused ones may be stolen.", "ops",
              ("sum by (outcome) (rate(auth_refreshes_total[$__rate_interval]))", "{{outcome}}")),
        panel("New passwords", "Looked up among breached ones; unavailable ones were taken unseen.", "short",
              ("sum by (outcome) (increase(auth_breach_checks_total[$__range]))", "{{outcome}}"), kind="stat"),
    ]),
}


def json_panel(number, spec, x, y, height):
    options = {"legend": {"displayMode": "list", "placement": "bottom"}} if spec["kind"] == "timeseries" else {
        "reduceOptions": {"calcs": ["lastNotNull"]}, "orientation": "horizontal"}
    return {
        "id": number, "type": spec["kind"], "title": spec["title"], "description": spec["tells"], "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": spec["width"], "h": height},
        "fieldConfig": {"defaults": {"unit": spec["unit"], "min": 0}, "overrides": []},
        "options": options,
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": DATASOURCE, "expr": query, "legendFormat": legend,
             "instant": spec["kind"] != "timeseries"}
            for index, (query, legend) in enumerate(spec["queries"])
        ],
    }


def dashboard(name, title, panels):
    variables = [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
    if any("$service" in query for spec in panels for query, _ in spec["queries"]):
        variables.append({
            "name": "service", "label": "Service", "type": "query", "datasource": DATASOURCE, "refresh": 2, "multi": True,
            "includeAll": True, "allValue": ".+", "query": 'label_values(service_ready, job)',
        })
    x = y = 0
    placed = []
    for number, spec in enumerate(panels, 1):
        height = 5 if spec["kind"] == "stat" and spec["width"] == 24 else 8
        if x + spec["width"] > 24:
            x, y = 0, y + 8
        placed.append(json_panel(number, spec, x, y, height))
        x += spec["width"]
    return {
        "uid": f"groundwork-{name}", "title": f"Groundwork: {title}", "tags": ["groundwork"], "schemaVersion": 38, "version": 1,
        "editable": False, "graphTooltip": 1, "refresh": "30s", "time": {"from": "now-1h", "to": "now"}, "timezone": "utc",
        "links": [{"title": "Groundwork", "type": "dashboards", "tags": ["groundwork"], "asDropdown": True, "keepTime": True}],
        "templating": {"list": variables}, "annotations": {"list": []}, "panels": placed,
    }


def files():
    for name, (title, panels) in DASHBOARDS.items():
        yield FOLDER / f"{name}.json", json.dumps(dashboard(name, title, panels), indent=1, ensure_ascii=False) + "\n"


def main():
    written = dict(files())
    if sys.argv[1:] == ["check"]:
        stale = [path.name for path, text in written.items() if not path.exists() or path.read_text() != text]
        stale += [path.name for path in FOLDER.glob("*.json") if path not in written]
        if stale:
            sys.exit(f"not what grafana/dashboards.py writes: {', '.join(sorted(stale))}")
    else:
        FOLDER.mkdir(exist_ok=True)
        for path, text in written.items():
            path.write_text(text)


if __name__ == "__main__":
    main()
