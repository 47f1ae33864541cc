#!/usr/bin/env python3
"""Requests that no honest client writes, byte by byte over raw sockets, at the gateway and at each service's own port:
smuggling shapes, heads and bodies that are too large, compressed bombs, slow clients, too many event streams."""

import glob
import gzip
import json
import os
import re
import socket
import struct
import time
import urllib.parse
import uuid
from concurrent.futures import ThreadPoolExecutor

from client import GATEWAY, Person, log, row, settings, until

# A path of each service that takes a body from members.
SERVICES = {
    "auth-svc": "/api/auth/ensure-profile",
    "payments-svc": "/api/payments/v2/initiate",
    "onboarding-svc": "/api/onboarding/finalize",
    "bcm-svc": "/api/context/rebuild",
}
KIB = 1024


def endpoint(url):
    address = urllib.parse.urlsplit(url)
    return address.hostname, address.port


def own_port(service):
    return endpoint("http://" + settings(service)["GROUNDWORK__HTTP__PUBLIC_ADDR"])


# What a target is called, where it is, and a path on it that takes a POST.
TARGETS = [("the gateway", endpoint(GATEWAY), "/api/auth/ensure-profile")]
TARGETS += [(service, own_port(service), path) for service, path in SERVICES.items()]


class Exchange:
    """All that came back for some bytes, and whether the connection was closed."""

    def __init__(self, received, closed, took_s):
        self.received, self.closed, self.took_s = received, closed, took_s
        self.statuses = [int(code) for code in re.findall(rb"(?:^|\r\n|\})HTTP/1\.[01] (\d{3})", received)]

    @property
    def problem(self):
        """The problem document of the first answer."""
        head, _, body = self.received.partition(b"\r\n\r\n")
        if b"application/problem+json" not in head.lower():
            return {}
        try:
            return json.JSONDecoder().raw_decode(body.decode(errors="replace"))[0]
        except ValueError:
            return {}

    def __repr__(self):
        return f"{self.statuses} closed={self.closed} {self.took_s:.1f} s {self.received[:160]!r}"


def exchange(where, raw, quiet_s=1.5, limit_s=20):
    """Sends the bytes and reads until the peer closes or says nothing for a while after its first byte."""
    began = time.monotonic()
    received, closed = b"", False
    with socket.create_connection(where, timeout=5) as connection:
        try:
            connection.sendall(raw)
        except OSError:
            pass  # refused before all of it was read; the answer may still be there
        while time.monotonic() - began < limit_s:
            connection.settimeout(quiet_s if received else limit_s)
            try:
                chunk = connection.recv(65536)
            except TimeoutError:
                break
            except OSError:
                closed = True
                break
            if not chunk:
                closed = True
                break
            received += chunk
    return Exchange(received, closed, time.monotonic() - began)


def request(method, path, headers=(), body=b"", version="HTTP/1.1", host="x.test"):
    lines = [f"{method} {path} {version}", *([f"Host: {host}"] if host is not None else []), *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def marked(path, mark):
    """A write, which a service logs with its request id, wherever it came from."""
    return request("POST", path, [f"X-Request-Id: {mark}", "Content-Length: 0"])


def reached_a_service(mark):
    """The answer to a request that hid behind another may have gone to anybody, but the log of a service has it."""
    for name in glob.glob(os.path.join(os.environ["STATE_DIR"], "logs", "*-svc*.log")):
        with open(name, "rb") as lines:
            if any(mark.encode() in line for line in lines):
                return True
    return False


def shapes(path, inner):
    """Name and bytes of what must be refused: the ways in which two parsers may disagree on where a request ends."""
    chunk = b"0\r\n\r\n" + inner
    json_type = "Content-Type: application/json"

    def post(*headers, body=chunk, **more):
        return request("POST", path, [json_type, *headers], body, **more)

    length = f"Content-Length: {len(chunk)}"
    te = "Transfer-Encoding: chunked"
    yield "Content-Length and Transfer-Encoding", post(length, te)
    yield "Transfer-Encoding and Content-Length", post(te, length)
    yield "Content-Length 0 and Transfer-Encoding", post("Content-Length: 0", te)
    yield "two Content-Lengths", post("Content-Length: 0", length)
    yield "the same Content-Length twice", post(length, length)
    yield "a list of Content-Lengths", post(f"Content-Length: {len(chunk)}, {len(chunk)}")
    for value in ("+5", "-1", "0x5", "5 5", "5;", "1e1", "", "99999999999999999999"):
        yield f"Content-Length {value!r}", post(f"Content-Length: {value}", body=inner)
    for value in ("xchunked", "chunked, identity", "identity", "chunked, chunked", "gzip, chunked", "chunked;q=1", "\x0bchunked", "chunked\x00", '"chunked"', ""):
        yield f"Transfer-Encoding {value!r}", post(f"Transfer-Encoding: {value}")
    yield "two Transfer-Encodings", post(te, te)
    yield "a space before the colon", post("Transfer-Encoding : chunked")
    yield "a folded header", post("X-A: b\r\n Transfer-Encoding: chunked", length)
    yield "a header without a name", post(": x", length)
    yield "a header without a colon", post("Transfer-Encoding", length)
    yield "a space in a header's name", post("Transfer Encoding: chunked", length)
    yield "a NUL in a header", post("X-A: a\x00b", length)
    yield "a bare CR in a header", post("X-A: a\rTransfer-Encoding: chunked", length)
    yield "Transfer-Encoding in HTTP/1.0", post(te, version="HTTP/1.0")
    yield "no Host", post("Content-Length: 0", body=inner, host=None)
    yield "two Hosts", post("Host: y.test", "Content-Length: 0", body=b"")
    yield "CONNECT", request("CONNECT", "other.test:443")
    yield "a chunk size that is no number", post(te, body=b"zz\r\nx\r\n" + chunk)
    yield "a chunk size that overflows", post(te, body=b"fffffffffffffffff\r\nx\r\n" + chunk)
    yield "a negative chunk size", post(te, body=b"-1\r\nx\r\n" + chunk)
    yield "a chunk longer than it says", post(te, body=b"1\r\nxyz\r\n" + chunk)
    yield "an unknown version", request("GET", path, version="HTTP/3.0")
    yield "a version with a space", request("GET", path, version="HTTP/1 .1")
    yield "HTTP/2 without agreement", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield "TLS on the plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64
    yield "a control character in the path", request("GET", path + "\x01")


def tolerated(path, inner):
    """What a server may take as one ordinary request (RFC 9112, 2.2, 3 and 7.1.1), or refuse, and not take for two."""
    head = request("POST", path, ["Content-Type: application/json", "Transfer-Encoding: chunked"])
    yield "an absolute address", request("GET", f"http://other.test{path}"), {400}
    yield "an absolute address of ours", request("GET", f"http://x.test{path}"), {400}
    yield "two spaces in the request line", f"GET  {path} HTTP/1.1\r\nHost: x.test\r\n\r\n".encode(), {400, 401, 404, 405}
    yield "lines that end with LF alone", request("GET", path).replace(b"\r\n", b"\n"), {200, 400, 401, 404, 405}
    yield "an underscore for a hyphen", request("POST", path, ["Transfer_Encoding: chunked", f"Content-Length: {len(inner) + 5}"], b"0\r\n\r\n" + inner), set(range(400, 500))
    yield "a chunk extension of 1 MiB", head + b"2;" + b"x" * KIB * KIB + b"\r\n{}\r\n0\r\n\r\n", {400, 401, 413}
    yield "trailers of 1 MiB", head + b"2\r\n{}\r\n0\r\n" + b"X-A: b\r\n" * (KIB * 128) + b"\r\n", {400, 401, 413}
    yield "chunks ended by LF alone", head + b"2\n{}\n0\n\n", {400, 401}
    yield "a body with GET", request("GET", path, [f"Content-Length: {len(inner)}"], inner), {400, 401, 404, 405}


def smuggling(target):
    name, where, path = target
    faults, count = [], 0
    mark, control = f"smuggled-{uuid.uuid4().hex}", f"honest-{uuid.uuid4().hex}"
    inner = marked("/api/smuggled", mark)
    # What the verdict rests on: two honest requests on one connection are two answers.
    pair = exchange(where, request("GET", "/api/one") + request("GET", "/api/two"))
    if len(pair.statuses) != 2:
        faults.append(f"two honest requests: {pair}")
    with ThreadPoolExecutor(8) as pool:
        refused = [(title, pool.submit(exchange, where, raw)) for title, raw in shapes(path, inner)]
        taken = [(title, allowed, pool.submit(exchange, where, raw)) for title, raw, allowed in tolerated(path, inner)]
        for title, job in refused:
            count += 1
            got = job.result()
            # A close without an answer refuses as well.
            if len(got.statuses) > 1 or not got.closed or any(not 400 <= status < 500 for status in got.statuses):
                faults.append(f"{title}: {got}")
        for title, allowed, job in taken:
            count += 1
            got = job.result()
            refused_well = got.statuses != [400] or "absolute" not in title or got.problem.get("code") == "GW-0021"
            if len(got.statuses) > 1 or not set(got.statuses) <= allowed or not (got.statuses or got.closed) or not refused_well:
                faults.append(f"{title}: {got}")
    exchange(where, marked(f"{path}-none", control))
    if until("the honest request in a service's log", 5, lambda: reached_a_service(control)) is None:
        faults.append("an honest request is not in the log of a service, so that nothing could be said of others")
    if reached_a_service(mark):
        faults.append("a smuggled request reached a service")
    for fault in faults:
        log(f"{name}, {fault}")
    row(not faults, f"request smuggling shapes end at {name}: refused, or one request with one answer", f"{count} shapes, {len(faults)} wrong")


def answers(where, cases):
    faults = []
    for title, raw, status, code in cases:
        got = exchange(where, raw)
        if got.statuses[:1] != [status] or (code is not None and got.problem.get("code") != code):
            faults.append(f"{title}: wanted {status} {code}, got {got}")
    return faults


def sizes(target, person):
    name, where, path = target
    bearer = [f"Authorization: {person.bearer['Authorization']}"]
    typed = [*bearer, "Content-Type: application/json"]
    large = 300 * KIB
    chunks = b"".join(b"2000\r\n" + b" " * 0x2000 + b"\r\n" for _ in range(large // 0x2000)) + b"0\r\n\r\n"
    bomb = gzip.compress(b" " * 10 * KIB * KIB)
    cases = [
        ("a body of 300 KiB", request("POST", path, [*typed, f"Content-Length: {large}"], b" " * large), 413, "GW-0009"),
        ("a body that says it has a terabyte", request("POST", path, [*typed, f"Content-Length: {10**12}"]), 413, "GW-0009"),
        ("chunks of 300 KiB", request("POST", path, [*typed, "Transfer-Encoding: chunked"], chunks), 413, "GW-0009"),
        ("a compressed bomb", request("POST", path, [*typed, "Content-Encoding: gzip", f"Content-Length: {len(bomb)}"], bomb), 415, "GW-0008"),
        ("a header of 40 KiB", request("GET", path, [*bearer, "X-Large: " + "x" * 40 * KIB]), 431, "GW-0018"),
        ("headers of 40 KiB together", request("GET", path, [*bearer, *(f"X-{n}: " + "x" * 4 * KIB for n in range(10))]), 431, "GW-0018"),
        ("200 headers", request("GET", path, [*bearer, *(f"X-{n}: x" for n in range(200))]), 431, None),
        ("a head without an end", request("GET", path, [*bearer, "X-Large: " + "x" * 300 * KIB]), 431, None),
        ("an address of 20 KiB", request("GET", path + "?" + "x" * 20 * KIB, bearer), 414, "GW-0023"),
    ]
    faults = answers(where, cases)
    for fault in faults:
        log(f"{name}, {fault}")
    row(not faults, f"what is too large ends at {name} with 413, 414, 415 or 431", f"{len(cases)} cases, {len(faults)} wrong")


def supabase_shapes():
    """Under /auth/v1 the same refusals are in the shape that Supabase's clients read."""
    path, coded = "/auth/v1/token?grant_type=password", gzip.compress(b"{}")
    cases = [
        ("a body that does not end", ["Content-Length: 40"], b"{", 408, "request_timeout"),
        ("a compressed body", ["Content-Encoding: gzip", f"Content-Length: {len(coded)}"], coded, 415, "unsupported_media_type"),
    ]
    faults = []
    for title, headers, body, status, code in cases:
        got = exchange(endpoint(GATEWAY), request("POST", path, ["Content-Type: application/json", *headers], body))
        if got.statuses != [status] or f'"error_code":"{code}"'.encode() not in got.received:
            faults.append(f"{title}: wanted {status} {code}, got {got}")
    for fault in faults:
        log(f"/auth/v1, {fault}")
    row(not faults, "a body that does not end or is compressed is refused at /auth/v1 in Supabase's shape", f"{len(cases)} cases, {len(faults)} wrong")


def connected(where, own):
    """Whether the server still holds its side of the connection, by the kernel's table."""
    entry = f"{struct.unpack('<I', socket.inet_aton(where[0]))[0]:08X}:{where[1]:04X} {struct.unpack('<I', socket.inet_aton(own[0]))[0]:08X}:{own[1]:04X} 01"
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(entry in line for line in table)


def cut_after(where, feed, limit_s):
    """Seconds until the server gave the connection up while `feed` fed it; None when it never did."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(where)
        connection.settimeout(0.2)
        own, began = connection.getsockname(), time.monotonic()
        feeding = feed(connection)
        while time.monotonic() - began < limit_s:
            try:
                next(feeding)
            except (OSError, StopIteration):
                pass
            if not connected(where, own):
                return time.monotonic() - began
            time.sleep(0.5)
    return None


def slow_head(path):
    def feed(connection):
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x.test\r\n".encode())
        while True:
            connection.send(b"X-A: b\r\n")
            yield

    return feed


def slow_body(path, person):
    def feed(connection):
        headers = [f"Authorization: {person.bearer['Authorization']}", "Content-Type: application/json", "Content-Length: 4000"]
        connection.sendall(request("POST", path, headers))
        while True:
            connection.send(b" ")
            yield

    return feed


def slow_reader(path):
    def feed(connection):
        asked = request("GET", path) * 20
        while True:
            connection.send(asked)
            yield

    return feed


def nothing(_):
    while True:
        yield


def slow(person):
    """All at once, since each takes as long as the limit that it is about."""
    gateway, auth, onboarding = endpoint(GATEWAY), own_port("auth-svc"), own_port("onboarding-svc")
    post, large = SERVICES["auth-svc"], "/api/onboarding/steps"
    cases = [
        ("a head that drips, the gateway", gateway, slow_head(post), 20),
        ("a head that drips, a service", auth, slow_head(post), 20),
        ("a body that drips, the gateway", gateway, slow_body(post, person), 25),
        ("a body that drips, a service", auth, slow_body(post, person), 25),
        ("a reader that does not read, the gateway", gateway, slow_reader(large), 45),
        ("a reader that does not read, a service", onboarding, slow_reader(large), 60),
        ("a client that says nothing, the gateway", gateway, nothing, 20),
        ("a client that says nothing, a service", auth, nothing, 20),
    ]
    with ThreadPoolExecutor(len(cases)) as pool:
        jobs = [(title, limit_s, pool.submit(cut_after, where, feed, limit_s)) for title, where, feed, limit_s in cases]
        for title, limit_s, job in jobs:
            took_s = job.result()
            row(took_s is not None, f"{title} is cut within {limit_s} s", "never" if took_s is None else f"after {took_s:.0f} s")


def streams():
    """The bound is a process's own, so it is asked for at one."""
    person = Person()
    order = person.order()
    where = own_port("payments-svc")
    raw = request("GET", f"/api/payments/v2/orders/{order}/events", [f"Authorization: {person.bearer['Authorization']}"])
    opened = []

    def status_of_one_more():
        connection = socket.create_connection(where, timeout=10)
        opened.append(connection)
        connection.sendall(raw)
        answer = connection.recv(65536)
        return int(answer.split(b" ", 2)[1]), answer

    try:
        first = [status_of_one_more()[0] for _ in range(10)]
        over, answer = status_of_one_more()
        good = first == [200] * 10 and over == 429 and b"GW-0010" in answer and b"retry-after" in answer.lower()
        # The server learns of a stream's end when it writes to it, at a heartbeat.
        opened.pop(0).close()
        room_s = until("room for a stream", 45, lambda: status_of_one_more()[0] == 200, every_s=1)
    finally:
        for connection in opened:
            connection.close()
    row(good, "a user's eleventh event stream at one process is a 429 problem with Retry-After", f"{first.count(200)} streams, then {over}")
    row(room_s is not None, "a stream that was closed makes room", "never" if room_s is None else f"after {room_s:.0f} s")


def main():
    person = Person()
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(slow, person), pool.submit(streams), pool.submit(supabase_shapes)]
        for target in TARGETS:
            smuggling(target)
            sizes(target, person)
        for job in jobs:
            job.result()


if __name__ == "__main__":
    main()
