"""Reads /metrics of every running service and compares it with the schema, after a journey has passed through them.
Needs STATE_DIR of the stack."""

import os
import re
import sys
from pathlib import Path
from urllib.request import urlopen

import schema

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:\\.|[^"\\])*)"')


class Exposed:
    """What one service says in Prometheus' text format."""

    def __init__(self, text):
        self.help, self.type, self.samples = {}, {}, []
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name, _, words = line[7:].partition(" ")
                self.help[name] = words.strip()
            elif line.startswith("# TYPE "):
                name, _, kind = line[7:].partition(" ")
                self.type[name] = kind
            elif line and not line.startswith("#"):
                match = SAMPLE.match(line)
                if not match:
                    raise ValueError(f"not a sample: {line}")
                self.samples.append((match[1], dict(LABEL.findall(match[2] or ""))))

    def family(self, sample):
        """The metric that a sample belongs to: _bucket, _sum and _count are parts of a histogram."""
        base = re.sub(r"_(bucket|sum|count)$", "", sample)
        return base if self.type.get(base) == "histogram" else sample


def problems_of(service, text, wanted):
    """What one service exposes against the schema."""
    exposed = Exposed(text)
    seen = {}
    for sample, labels in exposed.samples:
        name = exposed.family(sample)
        if name not in wanted.metrics:
            yield f"{name} is not in the schema"
            continue
        labels.pop("le", None)
        for label, value in labels.items():
            seen.setdefault(name, {}).setdefault(label, set()).add(value)
        seen.setdefault(name, {})
    for name, labels in seen.items():
        metric = wanted.metrics[name]
        if service not in metric.services:
            yield f"{name} is not one of its metrics"
        if exposed.type.get(name) != metric.type:
            yield f"{name} is a {exposed.type.get(name)}, not a {metric.type}"
        if not exposed.help.get(name):
            yield f"{name} has no HELP"
        for label in set(metric.labels) - set(labels):
            yield f"{name} lacks the label {label}"
        for label, values in labels.items():
            if label not in metric.labels:
                yield f"{name} has the label {label}, which is not in the schema"
                continue
            bound = metric.labels[label]
            if len(values) > bound.bound:
                yield f"{name}: label {label} has {len(values)} values, {bound.bound} are allowed"
            for value in sorted(values):
                if not bound.allows(value):
                    yield f'{name}: label {label} may not be "{value}"'
                if schema.ID_LIKE.search(value):
                    yield f'{name}: label {label} is "{value}", which looks like an id or an address'


def problems(expositions, wanted):
    """Of all services together."""
    has = {}
    for service, text in expositions.items():
        yield from (f"{service}: {problem}" for problem in dict.fromkeys(problems_of(service, text, wanted)))
        exposed = Exposed(text)
        has[service] = {exposed.family(name) for name, _ in exposed.samples}
    for metric in wanted.metrics.values():
        for service in metric.services:
            if metric.name not in has.get(service, ()):
                yield f"{service}: {metric.name} is in the schema and not exposed"


def plants(expositions, wanted):
    """One defect of each kind: a check that cannot fail proves nothing."""
    service, text = next(iter(expositions.items()))

    def changed(old, new):
        return {**expositions, service: text.replace(old, new)}

    left_over = "# HELP left_over_total x\n# TYPE left_over_total counter\nleft_over_total 1\n"
    yield "a metric without schema", {**expositions, service: text + left_over}, wanted
    yield "a metric that is gone", changed("panics_total", "alarms_total"), wanted
    yield "a wrong type", changed("# TYPE panics_total counter", "# TYPE panics_total gauge"), wanted
    yield "no HELP", {**expositions, service: re.sub(r"# HELP panics_total .*\n", "", text)}, wanted
    yield "a label too many", changed("panics_total 0", 'panics_total{thread="main"} 0'), wanted
    yield "a value beyond the bound", changed('state="waiting"', 'state="hanging"'), wanted
    yield "a workspace's id in a route", {**expositions, service: re.sub('route="/[^"]*"', 'route="/0199aaaa-1111-7000-8000-000000000000"', text)}, wanted
    yield "an address as a value", changed('purpose="publish"', 'purpose="ann@example.org"'), wanted
    many = "".join(f'http_request_duration_seconds_count{{method="GET",route="/r{n}",status="200"}} 1\n' for n in range(61))
    yield "too many routes", {**expositions, service: text + many}, wanted
    renamed = "\n".join(line for line in text.splitlines() if not line.startswith("messaging_connected{"))
    yield "a labelled metric without series", {**expositions, service: renamed}, wanted


def main():
    state = Path(os.environ["STATE_DIR"])
    wanted = schema.load()
    expositions = {}
    for service in wanted.services:
        settings = dict(line.split("=", 1) for line in (state / "services" / f"{service}.env").read_text().splitlines())
        with urlopen(f"http://{settings['GROUNDWORK__HTTP__INTERNAL_ADDR']}/metrics", timeout=10) as answer:
            expositions[service] = answer.read().decode()
    found = list(problems(expositions, wanted))
    if not found:
        for defect, planted, against in plants(expositions, wanted):
            if planted == expositions or not list(problems(planted, against)):
                found.append(f"planted defect was not noticed: {defect}")
    for problem in found:
        print(f"metrics: {problem}", file=sys.stderr)
    series = sum(len(Exposed(text).samples) for text in expositions.values())
    print(f"{len(wanted.metrics)} metrics, {series} series in {len(expositions)} services, {len(found)} problems")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
