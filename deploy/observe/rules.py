"""The rules of Prometheus, and their unit tests for promtool."""

import re
from dataclasses import dataclass

from ruamel.yaml import YAML

from schema import HERE

FOLDER = HERE / "prometheus/rules"
CASES = HERE / "alerts_test.yaml"
AT_ONCE = "at once"


@dataclass(frozen=True)
class Rule:
    name: str
    expr: str
    labels: dict
    wait: str = AT_ONCE
    annotations: dict = None

    @property
    def runbook(self):
        """The section of the runbook, as an anchor."""
        return self.annotations["runbook_url"].partition("#")[2]


def all_rules():
    for path in sorted(FOLDER.glob("*.yml")):
        for group in YAML(typ="safe").load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield rule


def recorded():
    return [Rule(rule["record"], rule["expr"], rule.get("labels", {})) for rule in all_rules() if "record" in rule]


def alerts():
    return [
        Rule(rule["alert"], rule["expr"], rule.get("labels", {}), rule.get("for", AT_ONCE), rule["annotations"])
        for rule in all_rules()
        if "alert" in rule
    ]


def cases():
    """By alert and kind, "fires" or "silent": the cases by their reasons. Of a single firing case there is none."""
    known = YAML(typ="safe").load(CASES.read_text())
    for case in known.values():
        if "at" in case.get("fires", {}):
            case["fires"] = {"": case["fires"]}
    return known


def title(alert, kind, reason):
    """Of a case, as promtool names the one that fails."""
    return f"{alert} {kind}: {reason}".removesuffix(": ")


def render(text, labels):
    """What Prometheus makes of an annotation; ours use labels and nothing else."""
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: str(labels.get(match[1], "")), text)


def test(alert, kind, reason, case):
    expected = []
    if kind == "fires":
        labels = case["labels"]
        expected = [{
            "exp_labels": {**labels, **alert.labels},
            "exp_annotations": {key: render(text, labels) for key, text in alert.annotations.items()},
        }]
    return {
        "name": title(alert.name, kind, reason),
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case["series"].items()],
        "alert_rule_test": [{"alertname": alert.name, "eval_time": case["at"], "exp_alerts": expected}],
    }


def tests(folder, wanted=None):
    """A test file of promtool for the rules in `folder`; with `wanted` only that half, "fires" or "silent"."""
    found = []
    known = cases()
    for alert in alerts():
        for kind in (wanted,) if wanted else ("fires", "silent"):
            found += [test(alert, kind, reason, case) for reason, case in known.get(alert.name, {}).get(kind, {}).items()]
    return {"rule_files": sorted(str(path) for path in folder.glob("*.yml")), "evaluation_interval": "30s", "tests": found}


def problems():
    """An alert without both kinds of case, and a case without an alert."""
    known = cases()
    names = [alert.name for alert in alerts()]
    yield from (f"{name} stands in the rules twice" for name in sorted({name for name in names if names.count(name) > 1}))
    yield from (f"alerts_test.yaml: there is no alert {name}" for name in known if name not in names)
    for alert in alerts():
        case = known.get(alert.name, {})
        if not case.get("fires"):
            yield f"{alert.name} has no case in which it fires"
        if not case.get("silent"):
            yield f"{alert.name} has no case in which it stays silent"
        if alert.labels.get("severity") not in ("page", "ticket"):
            yield f"{alert.name} is neither for a page nor for a ticket"
        for text in alert.annotations.values():
            if re.search(r"\{\{(?! \$labels\.\w+ \}\})", text):
                yield f"{alert.name}: an annotation uses more than labels"
