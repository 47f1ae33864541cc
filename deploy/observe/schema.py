"""The schema of metrics: what metrics.yaml says, and the rules that it must keep itself."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
UNITS = {"seconds": "_seconds", "bytes": "_bytes", "1": ""}
TYPES = ("counter", "gauge", "histogram")
# What no unit of the schema is written as.
OTHER_UNITS = re.compile(r"_(ms|millis|milliseconds|minutes|hours|kb|mb|kib|mib|percent)(_|$)")
# Ids, addresses and digests: labels with such values have no bound.
ID_LIKE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|[^\s@]+@[^\s@]+\.|[0-9a-f]{16}|[0-9]{6}", re.I)


@dataclass(frozen=True)
class Label:
    """All values of a label, or a pattern with the most values that one process may show."""

    values: tuple = ()
    pattern: str = ""
    most: int = 0

    def allows(self, value):
        return re.fullmatch(self.pattern, value) is not None if self.pattern else value in self.values

    @property
    def bound(self):
        return self.most if self.pattern else len(self.values)


@dataclass(frozen=True)
class Metric:
    name: str
    type: str
    unit: str
    services: tuple
    tells: str
    labels: dict = field(default_factory=dict)

    @property
    def series(self):
        """The names under which its samples are stored."""
        if self.type == "histogram":
            return [f"{self.name}_{part}" for part in ("bucket", "count", "sum")]
        return [self.name]

    def problems(self):
        base = self.name.removesuffix("_total")
        if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", self.name):
            yield "is not snake_case"
        if self.type not in TYPES:
            yield f"has type {self.type}"
        if (self.type == "counter") != self.name.endswith("_total"):
            yield "a counter, and nothing else, ends in _total"
        if self.unit not in UNITS:
            yield f"has unit {self.unit}"
        elif not base.endswith(UNITS[self.unit]):
            yield f"is measured in {self.unit} and does not say so"
        elif self.unit == "1" and base.endswith(("_seconds", "_bytes")):
            yield "is a count and is named like a measure"
        if OTHER_UNITS.search(self.name):
            yield "is in a unit that is not a base unit"
        if not self.tells or not self.tells.endswith("."):
            yield "tells nothing"
        for name, label in self.labels.items():
            if name in ("job", "instance", "le"):
                yield f"label {name} is Prometheus' own"
            if not label.bound:
                yield f"label {name} has no bound"
            for value in label.values:
                if ID_LIKE.search(value):
                    yield f"label {name} may be {value}, which looks like an id"


@dataclass(frozen=True)
class Schema:
    services: tuple
    metrics: dict
    others: dict

    def problems(self):
        for metric in self.metrics.values():
            yield from (f"{metric.name} {problem}" for problem in metric.problems())
            yield from (f"{metric.name}: there is no service {name}" for name in metric.services if name not in self.services)

    def labels_of(self, series):
        """The labels that a stored series has; None when there is no such series."""
        if series in self.others:
            return {"job", "instance", *self.others[series]}
        for metric in self.metrics.values():
            if series in metric.series:
                le = ["le"] if series.endswith("_bucket") and metric.type == "histogram" else []
                return {"job", "instance", *metric.labels, *le}
        return None


def label(document):
    return Label(tuple(document.get("values", ())), document.get("pattern", ""), document.get("most", 0))


def read(text):
    document = YAML(typ="safe").load(text)
    metrics = {}
    for entry in document["metrics"]:
        labels = {name: label(bound) for name, bound in entry.get("labels", {}).items()}
        name = entry["name"]
        if name in metrics:
            raise ValueError(f"{name} stands in the schema twice")
        metrics[name] = Metric(name, entry["type"], str(entry["unit"]), tuple(entry["services"]), entry["tells"], labels)
    return Schema(tuple(document["services"]), metrics, document["others"])


def load():
    return read((HERE / "metrics.yaml").read_text())
