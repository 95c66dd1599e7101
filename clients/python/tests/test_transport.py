"""Retries, deadlines and errors. The two clients are translations of each other: most cases use the synchronous one."""

from __future__ import annotations

import asyncio
import logging
import pickle
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from serverless_streams import AsyncClient, Client, HandlerContext, Message, Retry
from serverless_streams._async._platform import within

from .support.errors import fails
from .support.scripted import Reply, problem, scripted
from .support.service import Service

stored = Reply({"topic": "orders", "offset": 7})


def client_of(url: str, **options: Any) -> Client:
    given: dict[str, Any] = {"retry": Retry(base=0.001, max=0.002), "timeout": 3.0, **options}
    return Client(url, **given)


def test_an_append_whose_answer_is_lost_is_sent_again_with_the_same_key_and_the_same_body() -> None:
    with (
        scripted("close", problem(503, "storage_unavailable", written="unknown"), stored) as (url, arrived),
        client_of(url) as client,
    ):
        assert client.topic("orders").append({"a": 1}, key="k").offset == 7
    assert {(request.method, request.path, request.body) for request in arrived} == {
        ("POST", "/topics/orders/produce", '{"payload":{"a":1},"key":"k"}')
    }
    assert len(arrived) == 3
    assert len({request.headers["idempotency-key"] for request in arrived}) == 1


async def test_the_asynchronous_client_does_the_same() -> None:
    with scripted("close", problem(503, "storage_unavailable", written="unknown"), stored) as (url, arrived):
        async with AsyncClient(url, retry=Retry(base=0.001)) as client:
            assert (await client.topic("orders").append({"a": 1}, key="k")).offset == 7
    assert len(arrived) == 3
    assert len({request.headers["idempotency-key"] for request in arrived}) == 1


def test_without_a_key_an_append_whose_outcome_is_not_known_is_not_sent_again() -> None:
    with scripted("close") as (url, arrived), client_of(url) as client:
        with fails("no_answer") as caught:
            client.topic("orders").append(1, idempotency_key=False)
        assert (caught.value.written, caught.value.retriable, caught.value.status) == ("unknown", True, None)
    assert len(arrived) == 1


def test_without_a_key_an_append_that_was_not_written_is_sent_again() -> None:
    with scripted(problem(503, "overloaded", written="no"), stored) as (url, arrived), client_of(url) as client:
        assert client.topic("orders").append(1, idempotency_key=False).offset == 7
    assert "idempotency-key" not in arrived[1].headers


def test_an_error_after_an_attempt_without_an_answer_does_not_say_that_nothing_was_written() -> None:
    with (
        scripted("close", problem(404, "topic_not_found", written="no")) as (url, _),
        client_of(url) as client,
        fails("topic_not_found") as caught,
    ):
        client.topic("orders").append(1)
    assert caught.value.written == "unknown"


def test_an_error_that_stays_is_raised_at_once_with_all_that_the_service_said() -> None:
    script = problem(409, "offset_mismatch", end=12, written="no", headers={"x-request-id": "r-1"})
    with scripted(script) as (url, arrived), client_of(url) as client, fails("offset_mismatch") as caught:
        client.topic("orders").append(1, expected_offset=3)
    error = caught.value
    assert (str(error), error.status, error.retriable, error.written, error.request_id, error.problem["end"]) == (
        "it is offset_mismatch",
        409,
        False,
        "no",
        "r-1",
        12,
    )
    assert [request.body for request in arrived] == ['{"payload":1,"expected_offset":3}']
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), vars(again)) == (str(error), vars(error))


def test_a_retry_waits_as_long_as_retry_after_says_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "serverless_streams")
    with (
        scripted(problem(429, "rate_limited", written="no", headers={"retry-after": "1"}), stored) as (url, _),
        client_of(url) as client,
    ):
        started_at = time.monotonic()
        client.topic("orders").append(1)
        assert time.monotonic() - started_at >= 1
    assert [text.split(", next")[0] for name, _, text in caplog.record_tuples if name == "serverless_streams"] == [
        "produce: attempt 1 failed with rate_limited"
    ]


def test_a_pause_that_is_longer_than_the_time_left_is_not_waited_for() -> None:
    with (
        scripted(problem(503, "overloaded", written="no", headers={"retry-after": "60"})) as (url, _),
        client_of(url) as client,
    ):
        started_at = time.monotonic()
        with fails("overloaded") as caught:
            client.topic("orders").append(1)
    assert caught.value.retry_after == 60
    assert time.monotonic() - started_at < 1


@pytest.mark.parametrize("asked", ["86400", "999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_nobody_can_ask_for_a_pause_of_more_than_10_minutes(asked: str) -> None:
    with (
        scripted(problem(503, "overloaded", headers={"retry-after": asked})) as (url, _),
        client_of(url) as client,
        fails("overloaded") as caught,
    ):
        client.health()
    assert caught.value.retry_after == 600


def test_a_page_of_a_proxy_is_an_error_that_may_pass() -> None:
    with (
        scripted(Reply("<h1>Bad Gateway</h1>", 502), Reply("<h1>Welcome</h1>"), Reply("[]"), stored) as (url, arrived),
        client_of(url) as client,
    ):
        assert client.topic("orders").append(1).offset == 7
        assert len(arrived) == 4
    with scripted(Reply("nothing here", 404)) as (url, _), client_of(url) as client, fails("invalid_answer") as caught:
        client.topic("orders").describe()
    assert (caught.value.status, caught.value.retriable) == (404, False)


def test_an_answer_without_its_members_is_an_error_of_the_client() -> None:
    with (
        scripted(Reply({"topic": "orders"})) as (url, _),
        client_of(url, retry=Retry(attempts=1)) as client,
        fails("invalid_answer"),
    ):
        client.topic("orders").append(1)


@pytest.mark.parametrize(
    "text", ['{"status":"ok"}', '{"messages":}}}}', '{"messages":[{}]}', '{"messages":["]', "[]", "", '{"messages":[]}']
)
def test_an_answer_to_receive_that_is_none_is_an_error_of_the_client(text: str) -> None:
    once = Retry(attempts=1)
    with scripted(Reply(text)) as (url, _), client_of(url, retry=once) as client, fails("invalid_answer"):
        client.topic("orders").group("billing").receive()


def test_attempts_and_the_whole_call_have_time_limits() -> None:
    with scripted("hang", stored) as (url, arrived), client_of(url, attempt_timeout=1.0) as client:
        assert client.topic("orders").append(1).offset == 7
        assert len(arrived) == 2
    with scripted("hang") as (url, _), client_of(url) as client, fails("timeout") as caught:
        client.topic("orders").append(1, timeout=0.05)
    assert caught.value.written == "unknown"


async def test_an_asynchronous_call_ends_in_time_though_the_answer_trickles() -> None:
    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b" "
                await asyncio.sleep(0.02)

    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Trickle()))
    async with AsyncClient("http://service", httpx_options={"transport": transport}) as client:
        started_at = time.monotonic()
        with fails("timeout"):
            await client.health(timeout=0.2)
        assert time.monotonic() - started_at < 1


async def test_cancelling_a_call_ends_it() -> None:
    with scripted("hang") as (url, _):
        async with AsyncClient(url) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.health(), 0.1)


async def test_a_cancellation_that_comes_with_the_answer_is_not_swallowed() -> None:
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    call = asyncio.ensure_future(within(60, answer))
    await asyncio.sleep(0)
    answer.set_result(1)
    # `wait_for` of 3.10 and 3.11 would return the answer.
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_loop_of_calls_ends_with_the_first_cancellation_whenever_it_comes() -> None:
    chance = random.Random(1)
    with scripted(Reply({})) as (url, _):
        async with AsyncClient(url) as client:

            async def ask() -> None:
                while True:
                    await client.health()

            for _ in range(200):
                asking = asyncio.ensure_future(ask())
                await asyncio.sleep(chance.uniform(0.005, 0.01))
                asking.cancel()
                done, _ = await asyncio.wait({asking}, timeout=10)
                assert done
                assert asking.cancelled()


def test_no_retries_when_they_are_off() -> None:
    with (
        scripted(problem(503, "overloaded")) as (url, arrived),
        client_of(url, retry=Retry(attempts=1)) as client,
        fails("overloaded"),
    ):
        client.health()
    assert len(arrived) == 1


def test_a_deletion_whose_answer_was_lost_is_done_though_the_second_finds_nothing() -> None:
    with scripted("close", problem(404, "topic_not_found")) as (url, _), client_of(url) as client:
        client.topic("orders").delete()
    with scripted(problem(404, "topic_not_found")) as (url, _), client_of(url) as client, fails("topic_not_found"):
        client.topic("orders").delete()


class FailsOften:
    """A token, every second time."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls % 2 == 1:
            raise LookupError("no token now")
        return "t1"


def test_a_token_that_fails_is_asked_for_again_and_what_it_raised_is_the_cause() -> None:
    with scripted(stored) as (url, arrived):
        with client_of(url, token=FailsOften()) as client:
            # Nothing was sent: that is known even without a key.
            assert client.topic("orders").append(1, idempotency_key=False).offset == 7
        assert len(arrived) == 1

        def failing() -> str:
            raise LookupError("no token today")

        with client_of(url, token=failing, timeout=0.05) as client:
            with fails("no_token", "no") as caught:
                client.topic("orders").append(1)
            assert isinstance(caught.value.__cause__, LookupError)
            assert (str(caught.value), caught.value.retriable) == ("token: no token today", True)
        assert len(arrived) == 1
    # What is not there was not deleted by an attempt that was never sent.
    with (
        scripted(problem(404, "topic_not_found")) as (url, _),
        client_of(url, token=FailsOften()) as client,
        fails("topic_not_found"),
    ):
        client.topic("orders").delete()


async def test_a_token_that_fails_ends_no_worker_no_producer_and_no_loop() -> None:
    async def token() -> str:
        return given()

    given = FailsOften()
    with Service() as service:
        async with AsyncClient(service.url, token=token, retry=Retry(base=0.01, max=0.02)) as client:
            topic = client.topic("orders")
            async with topic.producer(batch_messages=1) as producer:
                for n in range(3):
                    await producer.append(n)
            stop = asyncio.Event()
            got: list[int] = []

            async def handler(message: Message[int], context: HandlerContext) -> None:
                got.append(message.payload)
                if len(got) == 3:
                    stop.set()

            await topic.group("workers").consume(handler, stop=stop)
            await topic.close()
            assert (got, [message.payload async for message in topic.follow()]) == ([0, 1, 2], [0, 1, 2])
    assert given.calls > 10


async def test_an_asynchronous_token() -> None:
    async def token() -> str:
        return "t1"

    with scripted(stored) as (url, arrived):
        async with AsyncClient(url, token=token) as client:
            await client.topic("orders").append(1)
        with Client(url, token=token) as synchronous, pytest.raises(TypeError, match="returns a string"):
            synchronous.health()
    assert arrived[0].headers["authorization"] == "Bearer t1"


def test_the_token_and_headers_of_the_client_are_on_every_request() -> None:
    asked = iter(range(1, 9))
    with (
        scripted("close", stored) as (url, arrived),
        client_of(
            f"{url}/stage/",
            token=lambda: f"t{next(asked)}",
            headers={"x-team": "billing"},
            message_headers=lambda: {"traceparent": "00-1-2-01", "a": "common"},
        ) as client,
    ):
        client.topic("a b/c").append(1, headers={"a": "own"})
    assert [(request.path, request.headers["authorization"], request.headers["x-team"]) for request in arrived] == [
        ("/stage/topics/a%20b%2Fc/produce", "Bearer t1", "billing"),
        ("/stage/topics/a%20b%2Fc/produce", "Bearer t2", "billing"),
    ]
    assert arrived[0].body == '{"payload":1,"headers":{"traceparent":"00-1-2-01","a":"own"}}'


@pytest.mark.parametrize("url", ["127.0.0.1:9000", "ftp://x", "http://", "http://x?a=1"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url: expected http"):
        Client(url)


def test_more_calls_than_a_pool_takes_share_several_and_leave_nothing_behind() -> None:
    async def main(url: str) -> None:
        async with AsyncClient(url) as client:
            await asyncio.gather(*(client.topic("orders").append(n) for n in range(40)))

    with scripted(stored) as (url, arrived):
        asyncio.run(main(url))
    assert len(arrived) == 40
