"""Finds the method of every operation in the service's OpenAPI document, with every member and parameter."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from serverless_streams import Client, LeasePart, NewMessage, Retry, StreamsError

from .support.errors import fails
from .support.scripted import Reply, scripted
from .support.service import Service


def calls_of(client: Client) -> dict[str, Callable[[], object]]:
    """Every operation of the service, with every option that the client has for it."""
    topic = client.topic("a topic")
    group = topic.group("a group")
    rate = {"messages": 1, "bytes": 1}
    part = LeasePart("l", [1])
    return {
        "produce": lambda: topic.append_batch([NewMessage(1)], expected_offset=1, order="a", close=True, idempotency_key="k"),
        "consume": lambda: topic.page(1, limit=1, max_bytes=1, wait=1),
        "listTopics": lambda: next(client.topics()),
        "describeTopic": lambda: topic.describe(groups=True),
        "putTopic": lambda: topic.create(retention_ms=1000, retention_bytes=1, max_message_bytes=1, rate=rate),
        "trimTopic": lambda: topic.trim(1),
        "closeTopic": lambda: topic.close(expected_offset=1),
        "deleteTopic": lambda: topic.delete(),
        "listGroups": lambda: next(topic.groups()),
        "describeGroup": lambda: group.describe(),
        "putGroup": lambda: group.create(
            mode="keyed", lease_ms=1000, max_attempts=1, dead_letter_topic="dead", max_in_flight=1, start="latest"
        ),
        "deleteGroup": lambda: group.delete(force=True),
        "receive": lambda: group.receive(
            limit=1, max_bytes=1, lease_ms=1000, wait=1, consumer="c", idempotency_key="k", ack=[part]
        ),
        "ack": lambda: group.ack(part),
        "nack": lambda: group.nack(part, delay_ms=1, counted=False, reject=True, detail="d"),
        "extend": lambda: group.extend("l", lease_ms=1000),
        "seekGroup": lambda: group.seek(1, expected=1),
        "redriveGroup": lambda: group.redrive(limit=1, start=1),
        "createToken": lambda: client.tokens.create("n", ["metrics"], expires_at=1, expires_in_ms=1, rate={"requests": 1}),
        "listTokens": lambda: next(client.tokens.list()),
        "describeToken": lambda: client.tokens.describe("id"),
        "revokeToken": lambda: client.tokens.revoke("id"),
        "health": lambda: client.health(),
        "ready": lambda: client.ready(),
        "metrics": lambda: client.metrics(),
    }


def members_of(schema: dict[str, Any]) -> set[str]:
    """Names of the body's members, of all its forms."""
    return set(schema.get("properties", {})).union(*(members_of(form) for form in schema.get("anyOf", [])))


# Members that other parts of the client send: a single append, and the producer.
elsewhere = {"payload", "key", "headers", "producer"}
# The client pages by itself, and reads lines.
own = {"after", "limit", "offset", "timestamp"}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


def test_the_client_has_a_method_for_every_operation_with_every_member_and_parameter(service: Service) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(400, json={})

    client = Client("http://service", httpx_options={"transport": httpx.MockTransport(answer)}, retry=Retry(attempts=1))
    calls = calls_of(client)
    left = set(calls)
    gaps: list[str] = []
    paths: dict[str, dict[str, Any]] = httpx.get(f"{service.url}/openapi.json", timeout=30).json()["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            id = operation["operationId"]
            left.discard(id)
            if id not in calls:
                gaps.append(id)
                continue
            with pytest.raises(StreamsError):
                calls[id]()
            request = requests.pop()
            assert request.method == method.upper(), id
            assert re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)), request.url.path), id
            query = {item["name"] for item in operation.get("parameters", []) if item["in"] == "query"}
            given = set(request.url.params)
            assert given <= query, id
            gaps += [f"{id}?{name}" for name in query - given - own]
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            sent: set[str] = set(json.loads(request.content)) if request.content else set()
            assert sent <= members_of(schema), id
            gaps += [f"{id}.{name}" for name in members_of(schema) - sent - elsewhere]
    # A server without access control need not have them.
    manages = any(path.startswith("/tokens") for path in paths)
    unused: set[str] = set() if manages else {name for name in calls if name.endswith(("Token", "Tokens"))}
    assert (gaps, left) == ([], unused)


def test_metrics_of_a_real_server(service: Service) -> None:
    with Client(service.url) as client:
        assert client.metrics().startswith("# HELP ")


def test_tokens_all_pages_of_the_list() -> None:
    token = {"id": "a1", "name": "ci", "allow": ["metrics"], "created_at": 5, "created_by": None, "expires_at": None}
    rated = {**token, "rate": {"requests": 3}}
    with (
        scripted(
            Reply({"tokens": [rated], "next": "a1"}),
            Reply({"tokens": [{**token, "id": "b2", "added_later": 1}]}),
            Reply({**token, "token": "secret"}, 201),
            "close",
        ) as (url, arrived),
        Client(url) as client,
    ):
        listed = list(client.tokens.list())
        assert [(item.id, item.rate, item.created_at) for item in listed] == [("a1", {"requests": 3}, 5), ("b2", None, 5)]
        assert client.tokens.create("ci", ["metrics"]).token == "secret"
        # Another request would create another token.
        with fails("no_answer"):
            client.tokens.create("ci", ["metrics"], expires_in_ms=7)
    assert [f"{request.method} {request.path}" for request in arrived] == [
        "GET /tokens?limit=1000",
        "GET /tokens?after=a1&limit=1000",
        "POST /tokens",
        "POST /tokens",
    ]
    assert arrived[3].body == '{"name":"ci","allow":["metrics"],"expires_in_ms":7}'
