"""Proves the broker's permissions: a service declares the topology it needs, publishes its own events, and is refused
another service's. Reads the services' addresses from the files of a running stack: check.py STATE_DIR."""

import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pika
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker, ConnectionClosedByBroker

state = Path(sys.argv[1])
failures = []


def settings(path):
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if line)


def amqp_url(service):
    return settings(state / "services" / f"{service}.env")["AMQP_URL"]


def refused(connection, act):
    """Whether the broker closes the channel with ACCESS_REFUSED."""
    channel = connection.channel()
    channel.confirm_delivery()
    try:
        act(channel)
    except ChannelClosedByBroker as closed:
        return closed.reply_code == 403
    except pika.exceptions.UnroutableError:
        return False
    channel.close()
    return False


def expect(title, wanted, found):
    if wanted != found:
        failures.append(f"{title}: wanted {wanted}, found {found}")


def publish(exchange, key):
    return lambda channel: channel.basic_publish(exchange, key, b"{}", mandatory=False)


queue = f"bcm-svc.check-{time.time_ns()}.v1"


def declare(channel):
    for name in ("events", "dead"):
        channel.exchange_declare(f"groundwork.{name}", "topic", durable=True)
    channel.queue_declare(
        queue, durable=True, arguments={"x-queue-type": "quorum", "x-dead-letter-exchange": "groundwork.dead"}
    )
    channel.queue_bind(queue, "groundwork.events", "check.nothing.v1")


payments = pika.BlockingConnection(pika.URLParameters(amqp_url("payments-svc")))
try:
    expect("declares every service's queues", False, refused(payments, declare))
    expect("publishes its own event", False, refused(payments, publish("groundwork.events", "payments.check.v1")))
    for domain in ("identity", "onboarding", "bcm"):
        forged = publish("groundwork.events", f"{domain}.check.v1")
        expect(f"forging an event of {domain} is refused", True, refused(payments, forged))
    expect("its own dead letters", False, refused(payments, publish("groundwork.dead", "payments-svc.check.v1")))
    expect("another's dead letters", True, refused(payments, publish("groundwork.dead", queue)))
    expect("another's queue by the default exchange", True, refused(payments, publish("", queue)))
    expect("a queue under a foreign name", True, refused(payments, lambda channel: channel.queue_declare("other")))
finally:
    channel = payments.channel()
    channel.queue_delete(queue)
    payments.close()

# No consumer of ours could take such a message over: it would end each one's connection.
connection = pika.BlockingConnection(pika.URLParameters(amqp_url("payments-svc")))
large = pika.BasicProperties(headers={"large": "x" * 70_000})
try:
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("groundwork.events", "payments.check.v1", b"{}", large)
    failures.append("properties larger than a frame are accepted")
    connection.close()
except ConnectionClosedByBroker as closed:
    expect("properties larger than a frame are refused", 501, closed.reply_code)

address = urlsplit(amqp_url("payments-svc"))
guest = pika.ConnectionParameters(address.hostname, address.port, "/", pika.PlainCredentials("guest", "guest"))
try:
    pika.BlockingConnection(guest).close()
    failures.append("guest can sign in")
except AMQPConnectionError:
    pass

management = urlsplit(settings(state / "env")["RABBITMQ_MANAGEMENT_URL"])
try:
    urllib.request.urlopen(f"http://{management.hostname}:{management.port}/api/overview", timeout=5)
    failures.append("the management interface answers without a password")
except urllib.error.HTTPError as error:
    expect("management without a password", 401, error.code)

for failure in failures:
    print(f"rabbitmq: {failure}", file=sys.stderr)
if failures:
    sys.exit(1)
print("rabbitmq: each service reaches its own events and queues only; there is no guest")
