"""What a query asks for: are its metrics and labels there, and which labels does its answer have?"""

import re

import promql_parser as parser

# Grafana's own variables, as something that parses in their place.
VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$__interval": "1m"}


class Unknown(ValueError):
    """A query that does not parse, or asks for what does not exist."""


# Operators that choose among series instead of calculating with them.
SETS = {"or", "and", "unless"}


def plain(query):
    """A panel's query with its variables filled in."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return re.sub(r"\$\{?\w+\}?", ".+", query)


class Names:
    """The series that exist: those of the schema and those that rules record."""

    def __init__(self, schema, recorded):
        self.schema = schema
        self.recorded = {}
        self.used = set()
        for rule in recorded:
            labels = self.labels(rule.expr) | set(rule.labels)
            self.recorded[rule.name] = self.recorded.get(rule.name, set()) | labels

    def labels(self, query):
        """The labels of the answer."""
        try:
            tree = parser.parse(plain(query))
        except ValueError as error:
            raise Unknown(str(error)) from error
        return self.of(tree)

    def of(self, node):
        kind = type(node).__name__
        match kind:
            case "VectorSelector":
                return self.of_selector(node)
            case "MatrixSelector":
                return self.of_selector(node.vector_selector)
            case "ParenExpr" | "UnaryExpr" | "SubqueryExpr":
                return self.of(node.expr)
            case "NumberLiteral" | "StringLiteral":
                return set()
            case "AggregateExpr":
                return self.of_aggregate(node)
            case "Call":
                return self.of_call(node)
            case "BinaryExpr":
                return self.of_binary(node)
        raise Unknown(f"a {kind} is not understood here")

    def of_selector(self, node):
        known = self.recorded.get(node.name)
        if known is None:
            known = self.schema.labels_of(node.name)
        if known is None:
            raise Unknown(f"there is no {node.name}")
        self.used.add(node.name)
        for matcher in node.matchers.matchers:
            if matcher.name not in known:
                raise Unknown(f"{node.name} has no label {matcher.name}")
            self.check_value(node.name, matcher)
        return set(known)

    def check_value(self, series, matcher):
        """A matcher that no value can match asks for nothing."""
        metric = next((metric for metric in self.schema.metrics.values() if series in metric.series), None)
        label = metric.labels.get(matcher.name) if metric else None
        if label is None or label.pattern or matcher.value in ("", ".+", ".*"):
            return
        parts = [matcher.value] if str(matcher.op).endswith("Equal") else matcher.value.split("|")
        for part in parts:
            if not any(re.fullmatch(part, value) for value in label.values):
                raise Unknown(f'{series}: {matcher.name} is never "{part}"')

    def of_aggregate(self, node):
        inner = self.of(node.expr)
        if node.modifier is None:
            return inner if str(node.op) in ("topk", "bottomk") else set()
        names = set(node.modifier.labels)
        if missing := names - inner:
            raise Unknown(f"nothing there has the label {', '.join(sorted(missing))}")
        return names if str(node.modifier.type).endswith("By") else inner - names

    def of_call(self, node):
        if node.func.name == "absent":
            selector = node.args[0]
            self.of(selector)
            return {matcher.name for matcher in selector.matchers.matchers}
        inner = set().union(*(self.of(argument) for argument in node.args))
        return inner - {"le"} if node.func.name == "histogram_quantile" else inner

    def of_binary(self, node):
        left, right = self.of(node.lhs), self.of(node.rhs)
        if self.is_scalar(node.rhs):
            return left
        if self.is_scalar(node.lhs):
            return right
        matching = node.modifier.matching if node.modifier else None
        names = set(matching.labels) if matching else None
        on = matching is not None and str(matching.type).endswith("Include")
        if on:
            for side in (left, right):
                if missing := names - side:
                    raise Unknown(f"one side has no label {', '.join(sorted(missing))}")
        if str(node.op) in SETS:
            return left | right if str(node.op) == "or" else left
        if not on and (left - (names or set())) != (right - (names or set())):
            raise Unknown(f"the sides have other labels: {sorted(left)} and {sorted(right)}")
        card = str(node.modifier.card) if node.modifier else ""
        if "ManyToOne" in card:
            return left
        if "OneToMany" in card:
            return right
        return names if on else left

    def is_scalar(self, node):
        """Arithmetic of numbers alone."""
        kind = type(node).__name__
        if kind == "BinaryExpr":
            return self.is_scalar(node.lhs) and self.is_scalar(node.rhs)
        if kind in ("ParenExpr", "UnaryExpr"):
            return self.is_scalar(node.expr)
        if kind == "Call":
            return node.func.name in ("time", "scalar", "pi")
        return kind == "NumberLiteral"
