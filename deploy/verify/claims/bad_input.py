#!/usr/bin/env python3
"""Walks the four OpenAPI documents through the gateway with input that is wrong in every way that a schema allows to
think of. Nothing may be answered with a 5xx; what must be refused is a 4xx problem with a code."""

import http.client
import json
import time
import urllib.parse
import uuid
from concurrent.futures import ThreadPoolExecutor

from client import GATEWAY, Person, expect, log, pay, row, send, until

DOCUMENTS = ["auth", "payments", "onboarding", "context"]
UNSAFE = {"post", "put", "patch", "delete"}
OVERSIZE = 300 * 1024
WRONG = {
    "string": [{}, [], 7, True],
    "integer": ["x", {}, 1.5, -(10**30), 10**30],
    "number": ["x", {}],
    "boolean": ["yes", 2, {}],
    "array": ["x", {}, 7],
    "object": ["x", [], 7],
}
NOT_JSON = {
    "a cut object": b'{"a":',
    "not JSON": b"<xml/>",
    "invalid UTF-8": b'{"a":"\xff\xfe"}',
    "a bomb of brackets": b"[" * 50_000,
    "a bomb of objects": b'{"a":' * 20_000,
    "a NUL": b"\x00",
    "two documents": b"{}{}",
}
NOT_AN_OBJECT = {"an array": b"[]", "a text": b'"x"', "a number": b"1", "a boolean": b"true"}
GARBAGE = ["", "%00", "%FF%FE", "..%2f..%2fetc%2fpasswd", "'%20or%201=1--", "-1", "9" * 40, "%F0%9F%92%A9", "x" * 3000]
NO_UUID = "not-a-uuid"


class Walk:
    def __init__(self, document, person):
        self.document, self.person = document, person
        self.sent, self.refused, self.faults = 0, 0, []

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        for key in ("oneOf", "anyOf", "allOf"):
            options = [option for option in schema.get(key, []) if option.get("type") != "null"]
            if options:
                return self.resolve(options[0])
        return schema

    def try_it(self, method, path, what, must_refuse, body=None, headers=None, signed_in=True):
        if self.streams and not must_refuse:
            return  # An event stream would begin, and each counts until its client's end is noticed.
        headers = (self.person.bearer if signed_in else {}) | (headers or {})
        for again in range(3):
            try:
                answer = send(GATEWAY, method.upper(), path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(f"{method} {path[:80]} with {what}: no answer ({error})")
                return
            # A limit or a moment of overload says nothing about the input; what stays is a fault.
            if answer.status not in (429, 503) or again == 2:
                break
            time.sleep(min(float(answer.headers.get("retry-after", 1)), 5))
        self.sent += 1
        refused = 400 <= answer.status < 500
        self.refused += refused
        if answer.status >= 500 or answer.status == 429:
            self.faults.append(f"{method} {path[:80]} with {what}: {answer.status} {answer.body[:200]!r}")
        elif refused and not self.has_code(path, answer):
            self.faults.append(f"{method} {path[:80]} with {what}: {answer.status} without a code: {answer.body[:200]!r}")
        elif must_refuse and not refused:
            self.faults.append(f"{method} {path[:80]} with {what}: accepted with {answer.status}")

    @staticmethod
    def has_code(path, answer):
        problem = answer.json
        if not isinstance(problem, dict):
            return False
        if path.startswith("/auth/v1/") and "error_code" in problem:  # Supabase's own shape
            return isinstance(problem["error_code"], str)
        kind = answer.headers.get("content-type", "")
        return kind.startswith("application/problem+json") and isinstance(problem.get("code"), str) and problem.get("status") == answer.status

    def operation(self, method, template, operation, shared):
        parameters = {(p["in"], p["name"]): p for p in [*shared, *operation.get("parameters", [])]}
        self.streams = "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
        good = template
        for place, name in parameters:
            if place == "path":
                good = good.replace(f"{{{name}}}", str(uuid.uuid4()))
        self.paths(method, template, parameters)
        self.queries(method, good, parameters)
        self.headers(method, good, operation)
        if method in UNSAFE:
            self.bodies(method, good, operation)

    def paths(self, method, template, parameters):
        for place, name in parameters:
            if place != "path":
                continue
            for garbage in GARBAGE:
                # An empty or climbing segment makes another path of it, which has its own answer.
                must = garbage not in ("", "..%2f..%2fetc%2fpasswd") and method == "get"
                self.try_it(method, template.replace(f"{{{name}}}", garbage), f"{name}={garbage[:20]}", must)

    def queries(self, method, path, parameters):
        for (place, name), parameter in parameters.items():
            if place != "query":
                continue
            for garbage in GARBAGE:
                self.try_it(method, f"{path}?{name}={garbage}", f"{name}={garbage[:20]}", False)
            self.try_it(method, f"{path}?{name}=1&{name}=2", f"{name} twice", False)
        self.try_it(method, f"{path}?{urllib.parse.quote('unknown[]')}=1", "an unknown parameter", False)

    def headers(self, method, path, operation):
        secured = bool(operation.get("security", self.document.get("security")))
        for token in ("", "Bearer", "Bearer x", "Bearer " + "a." * 2000, "Basic eDp5", "Bearer eyJhbGciOiJub25lIn0.e30."):
            self.try_it(method, path, f"Authorization {token[:12]!r}", secured, headers={"Authorization": token}, signed_in=False)
        if secured:
            self.try_it(method, path, "no token", True, signed_in=False)
        for name, values in {
            "X-Workspace-Id": [NO_UUID, "", "x" * 500],
            "Idempotency-Key": ["", "x" * 300, "a b", "\u00e9"],
            "If-Match": ["x", '"', "", '"9.9"', "x" * 500],
            "If-None-Match": ['"', "x", "W/", "x" * 500],
            "Traceparent": ["00-x", "ff" * 50],
            "X-Request-Id": ["x y", "z" * 500],
            "X-Filler": ["f" * 40_000],
        }.items():
            for value in values:
                must = name == "X-Filler" or (name == "X-Workspace-Id" and value == NO_UUID and self.names_workspace(operation))
                self.try_it(method, path, f"{name} {value[:12]!r}", must, headers={name: value})

    @staticmethod
    def names_workspace(operation):
        return any(p["name"].lower() == "x-workspace-id" for p in operation.get("parameters", []))

    def bodies(self, method, path, operation):
        content = operation.get("requestBody", {}).get("content", {})
        media = content.get("application/json")
        takes_json = media is not None
        required = takes_json and operation["requestBody"].get("required", False)
        kind = {"Content-Type": "application/json"}
        self.try_it(method, path, "no body", required, headers=kind)
        for what, body in NOT_JSON.items():
            self.try_it(method, path, what, takes_json, body, kind)
        for what, body in NOT_AN_OBJECT.items():
            self.try_it(method, path, what, takes_json, body, kind)
        self.try_it(method, path, "an oversize body", takes_json, b'{"a":"' + b"x" * OVERSIZE + b'"}', kind)
        self.try_it(method, path, "a compressed bomb", False, b"\x1f\x8b" + b"\x00" * 512, kind | {"Content-Encoding": "gzip"})
        # Supabase Auth reads JSON whatever the media type says.
        typed = required and not path.startswith("/auth/v1/")
        self.try_it(method, path, "no media type", typed, b"{}")
        self.try_it(method, path, "another media type", typed, b"{}", {"Content-Type": "text/plain"})
        if not takes_json:
            return
        schema = self.resolve(media.get("schema", {}))
        properties = schema.get("properties", {})
        for name, field in properties.items():
            field = self.resolve(field)
            types = field.get("type", "")
            types = [t for t in (types if isinstance(types, list) else [types]) if t != "null"]
            for wrong in WRONG.get(types[0] if types else "", []):
                self.try_it(method, path, f"/{name} = {str(wrong)[:12]}", True, {name: wrong})
            if "string" in types:
                for text in ("\u0000", "x" * 60_000, "\u202e\u2066", ""):
                    self.try_it(method, path, f"/{name} = {text[:3]!r}", False, {name: text})
            twice = json.dumps(name).encode() + b":1"
            self.try_it(method, path, f"/{name} twice", True, b"{" + twice + b"," + twice + b"}", kind)
        for name in schema.get("required", []):
            self.try_it(method, path, f"no /{name}", True, {other: "x" for other in properties if other != name})
        self.try_it(method, path, "an unknown field", False, {"unknown_field": {"deep": [1]}})


def operations(document):
    for template, item in document["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if method in item:
                # Signing out comes last: it may well succeed, and ends the session.
                yield template.endswith("logout"), template, method, item[method], item.get("parameters", [])


def payer():
    """A paid person, so that requests reach past the 402."""
    person = Person()
    pay(person.order())
    if until("the unlock", 60, person.unlocked) is None:
        raise SystemExit("the onboarding was not unlocked")
    return person


def walk(name):
    document = expect(GATEWAY, "GET", f"/api/{name}/openapi.json").json
    found = sorted(operations(document), key=lambda one: one[:3])
    walked = Walk(document, payer())
    for _, template, method, operation, shared in found:
        walked.operation(method, template, operation, shared)
    return len(found), walked


def main():
    with ThreadPoolExecutor(len(DOCUMENTS)) as pool:
        for name, (count, walked) in zip(DOCUMENTS, pool.map(walk, DOCUMENTS)):
            for fault in walked.faults:
                log(fault)
            row(
                not walked.faults and count > 0,
                f"bad input to every endpoint of /api/{name}/openapi.json is a 4xx problem with a code, never a 5xx",
                f"{count} operations, {walked.sent} requests, {walked.refused} refused, {len(walked.faults)} wrong",
            )


if __name__ == "__main__":
    main()
