"""hold_streams.py PORT LIMIT: holds LIMIT event streams of the gateway open, asks for one more, ends one and asks again.
Prints how many began, and the status, code and Retry-After of the ones that came after."""

import http.client
import json
import sys
import time

PATH = "/api/payments/v2/orders/1/events"


def ask(port, path=PATH):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    return connection, connection.getresponse()


def main():
    port, limit = (int(number) for number in sys.argv[1:])
    held = [ask(port) for _ in range(limit)]
    begun = sum(answer.status == 200 and answer.readline() == b"data: first\n" for _, answer in held)
    _, refused = ask(port)
    code = json.loads(refused.read())["code"] if refused.status != 200 else "none"
    connection, answer = held.pop()
    answer.close()
    connection.close()
    again, deadline = 429, time.monotonic() + 10
    while again == 429 and time.monotonic() < deadline:
        time.sleep(0.1)
        again = ask(port, "/api/payments/v2/plans")[1].status
    print(f"{begun} streams, then {refused.status} {code} {refused.getheader('Retry-After')}, then {again}")


if __name__ == "__main__":
    main()
