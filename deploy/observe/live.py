"""Asks a running Prometheus and Alertmanager: does every target answer, does every panel's query have an answer, do the series
exist that rules and panels name? Needs PROMETHEUS_URL and ALERTMANAGER_URL, and a journey before.

`live.py alert NAME [LABEL=VALUE…]` waits until Alertmanager shows that alert and prints it."""

import json
import os
import sys
import time
from urllib.parse import urlencode
from urllib.request import urlopen

import promql
import rules
import schema

sys.path.insert(0, str(schema.HERE / "grafana"))
import dashboards  # noqa: E402

PROMETHEUS, ALERTMANAGER = os.environ["PROMETHEUS_URL"], os.environ["ALERTMANAGER_URL"]
# A few scrapes and evaluations; then what is not there is not there.
LIMIT_S = 90


def ask(base, path, **query):
    with urlopen(f"{base}{path}?{urlencode(query)}", timeout=10) as answer:
        return json.load(answer)


def until(check):
    """What `check` finds wrong, again and again until that is nothing."""
    deadline = time.monotonic() + LIMIT_S
    while (wrong := list(check())) and time.monotonic() < deadline:
        time.sleep(1)
    return wrong


def targets():
    return ask(PROMETHEUS, "/api/v1/targets", state="active")["data"]["activeTargets"]


def target_problems():
    found = targets()
    jobs = {target["labels"]["job"] for target in found}
    for job in {*schema.load().services, "prometheus", "alertmanager"} - jobs:
        yield f"nothing scrapes {job}"
    for target in found:
        if target["health"] != "up":
            yield f"{target['labels']['job']} at {target['scrapeUrl']} is {target['health']}: {target['lastError']}"


def rule_problems():
    known = {}
    for group in ask(PROMETHEUS, "/api/v1/rules")["data"]["groups"]:
        for rule in group["rules"]:
            known[rule["name"]] = rule
            if rule["health"] != "ok":
                yield f"rule {rule['name']} is {rule['health']}: {rule.get('lastError', 'not evaluated yet')}"
    for rule in rules.recorded() + rules.alerts():
        if rule.name not in known:
            yield f"rule {rule.name} is not loaded"
    if not ask(PROMETHEUS, "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]:
        yield "Prometheus knows of no Alertmanager"


def stored():
    return set(ask(PROMETHEUS, "/api/v1/label/__name__/values")["data"])


def series_problems():
    """Every name that a rule or a panel uses is a series that exists."""
    names = promql.Names(schema.load(), rules.recorded())
    for rule in rules.recorded() + rules.alerts():
        names.labels(rule.expr)
    for query in queries():
        names.labels(query)
    there = stored()
    recorded = {rule.name for rule in rules.recorded()}
    # A ratio of nothing is none: what is recorded may be empty on a quiet system, what is measured may not.
    yield from (f"there is no {name}" for name in sorted(names.used - there - recorded))


def queries():
    for _, (_, panels) in dashboards.DASHBOARDS.items():
        for panel in panels:
            yield from (query for query, _ in panel["queries"])


def answered():
    """How many panels' queries have an answer now; one that Prometheus refuses ends the program."""
    counts = [len(ask(PROMETHEUS, "/api/v1/query", query=promql.plain(query))["data"]["result"]) for query in queries()]
    return sum(count > 0 for count in counts), len(counts)


def alert(name, *labels):
    wanted = dict(label.split("=", 1) for label in labels)

    def missing():
        for entry in ask(ALERTMANAGER, "/api/v2/alerts"):
            if entry["labels"]["alertname"] == name and wanted.items() <= entry["labels"].items():
                print(json.dumps(entry))
                return
        yield name

    # `for` of the alert, a scrape, an evaluation, the group's wait.
    global LIMIT_S
    LIMIT_S = 300
    if until(missing):
        sys.exit(f"Alertmanager does not show {name}")


def main():
    if sys.argv[1:2] == ["alert"]:
        return alert(*sys.argv[2:])
    wrong = [problem for check in (target_problems, rule_problems, series_problems) for problem in until(check)]
    for problem in wrong:
        print(f"observe: {problem}", file=sys.stderr)
    some, all_ = answered()
    print(json.dumps({"targets": len(targets()), "up": sum(target["health"] == "up" for target in targets()),
                      "queries": all_, "queries_with_data": some, "problems": len(wrong)}))
    return sys.exit(bool(wrong))


main()
