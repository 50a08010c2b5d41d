"""Prints the changes in Debezium's topics as they arrive, a few lines each, until Ctrl-C.

Settings come from the environment or from a file `.env` in the working directory or above it:

    KAFKA_BOOTSTRAP_SERVERS   brokers, by commas (localhost:9094)
    KAFKA_TOPICS              topics, by commas (customers.public.users,customers.public.orders)
    KAFKA_CONSUMER_GROUP      the group that remembers how far it read (python-debezium-consumer)
    KAFKA_AUTO_OFFSET_RESET   where a new group begins: earliest or latest (earliest)

Values are JSON: Debezium's envelope, with or without a schema around it. Anything else is printed as it is.
"""

import json
import os
import signal
import sys
from datetime import datetime, timezone

from confluent_kafka import Consumer, KafkaError, KafkaException
from dotenv import find_dotenv, load_dotenv

OPERATIONS = {"c": "insert", "r": "snapshot", "u": "update", "d": "delete", "t": "truncate", "m": "message"}

# A topic appears with its table's first row, and its leader may move: the client asks again by itself.
PASSING = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT}


def parse(data):
    """The JSON in `data`, without the schema around it; its text where it is none."""
    text = data.decode("utf-8", errors="replace")
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, dict) and value.keys() == {"schema", "payload"}:
        return value["payload"]
    return value


def compact(value):
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def describe(message):
    """What happened, as lines to print."""
    place = f"{message.topic()} [{message.partition()}] @ {message.offset()}"
    key = compact(parse(message.key())) if message.key() is not None else "none"
    if message.value() is None:
        # A tombstone lets Kafka forget the key. It follows a delete.
        return [f"tombstone  {place}", f"  key      {key}"]
    event = parse(message.value())
    operation = OPERATIONS.get(event.get("op")) if isinstance(event, dict) else None
    if operation is None:
        return [f"record     {place}", f"  key      {key}", f"  value    {compact(event)}"]
    lines = [f"{operation:<10} {place}", f"  key      {key}"]
    for name in ("before", "after"):
        if event.get(name) is not None:
            lines.append(f"  {name:<8} {compact(event[name])}")
    source = event.get("source") or {}
    if event.get("ts_ms") is not None:
        when = datetime.fromtimestamp(event["ts_ms"] / 1000, timezone.utc).isoformat(timespec="milliseconds")
        lines.append(f"  source   table {source.get('table')}, lsn {source.get('lsn')}, captured {when}")
    return lines


def main():
    load_dotenv(find_dotenv(usecwd=True))
    topics = os.getenv("KAFKA_TOPICS", "customers.public.users,customers.public.orders")
    topics = [topic.strip() for topic in topics.split(",") if topic.strip()]
    consumer = Consumer({
        "bootstrap.servers": os.getenv("KAFKA_BOOTSTRAP_SERVERS", "localhost:9094"),
        "group.id": os.getenv("KAFKA_CONSUMER_GROUP", "python-debezium-consumer"),
        "auto.offset.reset": os.getenv("KAFKA_AUTO_OFFSET_RESET", "earliest"),
        # Topics that do not exist yet are looked for again this often.
        "topic.metadata.refresh.interval.ms": 5000,
    })
    # Both end the loop between two polls, so that the group learns at once that we have left.
    stopped = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(True))
    print(f"reading {', '.join(topics)}; Ctrl-C ends", flush=True)
    try:
        consumer.subscribe(topics)
        while not stopped:
            message = consumer.poll(0.5)
            if message is None:
                continue
            error = message.error()
            if error is None:
                print("\n".join(describe(message)), flush=True)
            elif error.code() in PASSING:
                print(f"waiting: {error.str()}", file=sys.stderr, flush=True)
            else:
                raise KafkaException(error)
    finally:
        # Commits how far we came.
        consumer.close()


if __name__ == "__main__":
    main()
