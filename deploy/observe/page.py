"""Writes docs/METRICS.md from the schema, the recording rules and the alerts; `page.py check` says whether it is up to date."""

import sys

import rules
import schema

PAGE = schema.ROOT / "docs/METRICS.md"


# More values than these make a table unreadable: they are listed once, below it.
FEW = 7


def cell(text):
    return " ".join(text.split()).replace("|", "\\|")


def bound(label):
    if len(label.values) > FEW:
        return f"[{len(label.values)} values](#labels-with-many-values)"
    return f"`{label.pattern}`, at most {label.most}" if label.pattern else ", ".join(label.values)


def labels(metric):
    return cell("; ".join(f"`{name}`: {bound(label)}" for name, label in metric.labels.items())) or "–"


def page():
    wanted = schema.load()
    groups = {}
    for metric in wanted.metrics.values():
        services = "every service" if len(metric.services) == len(wanted.services) else ", ".join(metric.services)
        groups.setdefault(services, []).append(metric)
    yield "# Metrics"
    yield ""
    yield "Written by `deploy/observe/page.py` from `deploy/observe/metrics.yaml` and the rules of Prometheus; not edited."
    yield "Services expose them at `/metrics` of their internal port. A test compares both after a journey: what is not here"
    yield "does not exist, and no label has a value that is not here."
    for services, metrics in groups.items():
        yield ""
        yield f"## Of {services}"
        yield ""
        yield "| metric | type | unit | labels | what it tells |"
        yield "|---|---|---|---|---|"
        for metric in metrics:
            unit = "–" if metric.unit == "1" else metric.unit
            yield f"| `{metric.name}` | {metric.type} | {unit} | {labels(metric)} | {metric.tells} |"
    yield ""
    yield "## Labels with many values"
    yield ""
    many = {(name, label.values) for metric in wanted.metrics.values() for name, label in metric.labels.items() if len(label.values) > FEW}
    yield from (f"- `{name}`: {', '.join(values)}" for name, values in sorted(many))
    yield ""
    yield "## Recorded by Prometheus"
    yield ""
    yield "| series | query |"
    yield "|---|---|"
    for rule in rules.recorded():
        extra = "".join(f", {name}={value}" for name, value in rule.labels.items())
        yield f"| `{rule.name}`{extra} | `{cell(rule.expr)}` |"
    yield ""
    yield "## Alerts"
    yield ""
    yield "*page*: somebody is woken. *ticket*: somebody looks within a working day."
    yield ""
    yield "| alert | severity | when | for |"
    yield "|---|---|---|---|"
    for rule in rules.alerts():
        yield f"| [{rule.name}](RUNBOOK.md#{rule.runbook}) | {rule.labels['severity']} | `{cell(rule.expr)}` | {rule.wait} |"


def main():
    text = "\n".join(page()) + "\n"
    if sys.argv[1:] == ["check"]:
        if not PAGE.exists() or PAGE.read_text() != text:
            sys.exit("docs/METRICS.md is not what deploy/observe/page.py writes: run it")
    else:
        PAGE.write_text(text)


main()
