"""Checks what needs no running system: the schema, the rules with a unit test for each alert, the runbook's sections, the
routes of alerts, the dashboards' queries, the collector's configuration. Needs promtool and amtool.

`check.py figures` prints what there is as JSON after the same checks."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema
from ruamel.yaml import YAML

import promql
import rules
import schema

sys.path.insert(0, str(schema.HERE / "grafana"))
import dashboards  # noqa: E402

HERE, ROOT = schema.HERE, schema.ROOT
SILENT, FIRING = "vector(0) > 1", "vector(1) > 0"


def load(path):
    return YAML(typ="safe").load(path.read_text())


def run(*command):
    """Exit code and what it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def said(*command):
    code, output = run(*command)
    if code:
        yield f"{' '.join(str(part) for part in command[:3])}: {output.strip()}"


def anchors(page):
    """The anchors of a page's headings, as they are made from their words."""
    for heading in re.findall(r"^#+ (.+)$", page, re.M):
        yield re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def rule_problems(names):
    """Every metric and label of a rule exists; what an alert says of itself is among its labels."""
    for rule in rules.recorded() + rules.alerts():
        try:
            labels = names.labels(rule.expr)
        except promql.Unknown as error:
            yield f"{rule.name}: {error}"
            continue
        for text in (rule.annotations or {}).values():
            for label in re.findall(r"\$labels\.(\w+)", text):
                if label not in labels:
                    yield f"{rule.name}: its alerts have no label {label}"


def runbook_problems(page, alerts):
    known = list(anchors(page))
    for alert in alerts:
        file, _, anchor = alert.annotations.get("runbook_url", "").partition("#")
        if file != "docs/RUNBOOK.md" or anchor not in known:
            yield f"{alert.name}: docs/RUNBOOK.md has no section #{anchor}"


def panels():
    for path, text in dashboards.files():
        for panel in json.loads(text)["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}", target["expr"], target["legendFormat"]


def panel_problems(queries, names):
    """Every metric and label of a panel exists, those of its legends too."""
    for title, query, legend in queries:
        try:
            labels = names.labels(query)
        except promql.Unknown as error:
            yield f"{title}: {error}"
            continue
        for label in re.findall(r"\{\{(\w+)\}\}", legend):
            if label not in labels:
                yield f"{title}: nothing in the answer has the label {label}"


def parses(queries, folder):
    """Prometheus' own parser takes every panel's query."""
    panel_rules = folder / "panels.yml"
    entries = [{"record": f"panel:query{number}", "expr": promql.plain(query)} for number, (_, query, _) in enumerate(queries)]
    panel_rules.write_text(json.dumps({"groups": [{"name": "panels", "rules": entries}]}))
    return said("promtool", "check", "rules", panel_rules)


def crippled(folder, **change):
    """The rules with every alert changed in the same way."""
    folder.mkdir()
    for path in rules.FOLDER.glob("*.yml"):
        document = load(path)
        for group in document["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    rule.update({"for": "0s"}, **change)
        (folder / path.name).write_text(json.dumps(document))
    return folder


def unit_tests(folder, of, wanted=None):
    """What promtool says of the cases, run on the rules in `of`."""
    file = folder / f"{of.name}-{wanted or 'all'}.json"
    file.write_text(json.dumps(rules.tests(of, wanted)))
    return run("promtool", "test", "rules", file)


def failed(folder, of, wanted):
    """The titles of the cases that do not hold with the rules in `of`."""
    _, output = unit_tests(folder, of, wanted)
    return set(re.findall(r"^ *name: (.+),$", output, re.M))


def alert_problems(folder):
    """Every case holds and breaks when its alert is never or always there, and the wait of an alert is what keeps one of its
    cases silent: a test that cannot fail proves nothing."""
    code, output = unit_tests(folder, rules.FOLDER)
    if code:
        yield f"unit tests of alerts: {output.strip()}"
    for wanted, expr in (("fires", SILENT), ("silent", FIRING)):
        broken = failed(folder, crippled(folder / f"rules-{wanted}", expr=expr), wanted)
        for alert, cases in rules.cases().items():
            for title in (rules.title(alert, wanted, reason) for reason in cases.get(wanted, {})):
                if title not in broken:
                    yield f"the case \"{title}\" passes with the expression {expr}"
    broken = failed(folder, crippled(folder / "rules-at-once"), "silent")
    for alert in rules.alerts():
        if alert.wait != rules.AT_ONCE and not any(title.startswith(f"{alert.name} ") for title in broken):
            yield f"{alert.name}: no case of its is silent because it waits for {alert.wait}"


def configuration_problems(folder):
    """Of Prometheus and Alertmanager, in the form in which they run."""
    (folder / "rules").symlink_to(rules.FOLDER)
    for name in ("targets.yml", "alertmanagers.yml"):
        (folder / name).write_text("[]\n")
    for source in (HERE / "prometheus/prometheus.yml", HERE / "prometheus/compose.yml"):
        copy = folder / source.name
        copy.write_text(source.read_text())
        yield from said("promtool", "check", "config", copy)
    alertmanager = HERE / "alertmanager/alertmanager.yml"
    yield from said("amtool", "check-config", alertmanager)
    for case in load(HERE / "alertmanager/routes_test.yml"):
        labels = [f"{name}={value}" for name, value in case["labels"].items()]
        code, output = run("amtool", "config", "routes", "test", f"--config.file={alertmanager}", *labels)
        # Debian's amtool has an address by default, and warns below that the file wins.
        receiver = output.partition("\n")[0]
        if code or receiver != case["receiver"]:
            yield f"alerts with {' '.join(labels)} go to {receiver}, not to {case['receiver']}"
    known = {alert.name for alert in rules.alerts()}
    for name in set(re.findall(r"\b[A-Z]\w+[a-z]\b", "".join(
            matcher for rule in load(alertmanager)["inhibit_rules"]
            for matcher in rule["source_matchers"] + rule["target_matchers"]))) - known:
        yield f"alertmanager.yml: there is no alert {name}"


def compose_problems(compose, scraped):
    """Every job of the composed Prometheus scrapes a service that is there."""
    for job in scraped["scrape_configs"]:
        hosts = [name for found in job.get("dns_sd_configs", []) for name in found["names"]]
        hosts += [target.split(":")[0] for found in job.get("static_configs", []) for target in found["targets"]]
        for host in hosts:
            if host not in ("127.0.0.1", *compose["services"]):
                yield f"prometheus/compose.yml scrapes {host}, which docker-compose.yml does not have"


def collector_problems(document):
    """Against a schema of ours, since the collector itself is not a Debian package."""
    validator = jsonschema.Draft202012Validator(json.loads((HERE / "otel-collector.schema.json").read_text()))
    yield from (f"otel-collector.yaml: {error.json_path} {error.message}" for error in validator.iter_errors(document))
    for pipeline in document.get("service", {}).get("pipelines", {}).values():
        for kind in ("receivers", "processors", "exporters"):
            yield from (f"otel-collector.yaml: {name} is no {kind}" for name in pipeline.get(kind, []) if name not in document.get(kind, {}))
        order = pipeline.get("processors", [])
        if order[:1] != ["memory_limiter"] or order[-1:] != ["batch"]:
            yield "otel-collector.yaml: memory_limiter comes first and batch last"


def trace_problems(example):
    """Of .env.example: the collector hands on to somebody else. In its container 127.0.0.1 is the collector."""
    host = re.search(r"^TRACES_ENDPOINT=https?://([^:/\s]+)", example, re.M)
    if not host or host[1] in ("otel-collector", "localhost", "127.0.0.1"):
        yield ".env.example: TRACES_ENDPOINT is not a trace store"


def plants(names, queries, alerts):
    """One defect of each kind, and what must notice it."""
    metric = names.schema.metrics["panics_total"]
    for change in ({"name": "panics"}, {"unit": "seconds"}, {"type": "gauge"}, {"tells": ""}, {"name": "panics_ms_total"}):
        yield f"schema {change}", list(schema.Metric(**{**metric.__dict__, **change}).problems())
    unbound = schema.Metric(**{**metric.__dict__, "labels": {"user": schema.Label(pattern=".*")}})
    yield "a label without bound", list(unbound.problems())
    for query, legend in (("sum(rate(panic_total[5m]))", ""), ('panics_total{thread="x"}', ""), ("sum by (queue) (panics_total)", ""),
                          ('outbox_pending / messaging_connected', ""), ('rate_limited_total{limit="none"}', ""), ("sum(up)", "{{job}}"), ("sum(up", "")):
        yield f"panel {query} {legend}", list(panel_problems([("planted", query, legend)], names))
    yield "a runbook without sections", list(runbook_problems("# Runbook\n", alerts))
    collector = load(HERE / "otel-collector.yaml")
    collector["service"]["pipelines"]["traces"]["processors"].reverse()
    yield "the collector's limiter last", list(collector_problems(collector))
    yield "a collector that sends to itself", list(trace_problems("TRACES_ENDPOINT=http://127.0.0.1:4318"))
    collector["exporters"]["zipkin"] = {}
    yield "an exporter that we do not know", list(collector_problems(collector))


def problems(folder):
    wanted = schema.load()
    names = promql.Names(wanted, rules.recorded())
    queries, alerts = list(panels()), rules.alerts()
    yield from wanted.problems()
    yield from rules.problems()
    yield from rule_problems(names)
    yield from runbook_problems((ROOT / "docs/RUNBOOK.md").read_text(), alerts)
    yield from panel_problems(queries, names)
    yield from (f"{name} is in the schema, and no rule or panel uses it" for name in unused(wanted, names))
    yield from parses(queries, folder)
    yield from configuration_problems(folder)
    yield from alert_problems(folder)
    yield from compose_problems(load(ROOT / "docker-compose.yml"), load(HERE / "prometheus/compose.yml"))
    yield from collector_problems(load(HERE / "otel-collector.yaml"))
    yield from trace_problems((ROOT / ".env.example").read_text())
    for script in ("grafana/dashboards.py", "page.py"):
        yield from said(sys.executable, HERE / script, "check")
    for defect, noticed in plants(names, queries, alerts):
        if not noticed:
            yield f"planted defect was not noticed: {defect}"


def unused(wanted, names):
    """Metrics that nobody looks at; the address space is Prometheus' custom."""
    for metric in wanted.metrics.values():
        if not names.used.intersection(metric.series) and metric.name != "process_virtual_memory_bytes":
            yield metric.name


def figures():
    cases = rules.cases()
    return {
        "metrics": len(schema.load().metrics), "recorded": len(rules.recorded()), "alerts": len(rules.alerts()),
        "cases_fire": sum(len(case["fires"]) for case in cases.values()),
        "cases_silent": sum(len(case["silent"]) for case in cases.values()),
        "dashboards": len(dashboards.DASHBOARDS), "panels": sum(len(panels) for _, panels in dashboards.DASHBOARDS.values()),
        "queries": len(list(panels())),
    }


def main():
    with tempfile.TemporaryDirectory() as folder:
        found = list(problems(Path(folder)))
    for problem in found:
        print(f"observe: {problem}", file=sys.stderr)
    print(json.dumps(figures()))
    sys.exit(bool(found))


main()
