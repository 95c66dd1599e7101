"""Reading and following. The two clients are translations of each other: most cases use the asynchronous one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import datetime, timezone
from typing import Any, Literal

import httpx
import pytest

from serverless_streams import AsyncClient, AsyncTopic, Client, NewMessage, Retry

from .support.errors import fails
from .support.scripted import Reply, scripted
from .support.service import Service


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
async def topic(service: Service) -> AsyncGenerator[AsyncTopic[Any]]:
    async with AsyncClient(service.url, retry=Retry(base=0.01, max=0.1)) as client:
        yield client.topic("orders")


async def follow(topic: AsyncTopic[Any], count: int | None = None, **options: Any) -> list[Any]:
    """Until so many messages came, or the loop ends."""
    got: list[Any] = []
    messages = topic.follow(**options)
    async for message in messages:
        got.append(message.payload)
        if len(got) == count:
            break
    await messages.aclose()
    return got


@pytest.mark.parametrize("transport", ["sse", "poll"])
async def test_following_from_the_end_from_a_time_and_to_the_end_of_a_closed_topic(
    service: Service, topic: AsyncTopic[Any], transport: Literal["sse", "poll"]
) -> None:
    await topic.append(0)
    await asyncio.sleep(0.005)
    since = datetime.now(timezone.utc)
    await topic.append(1)
    latest = asyncio.create_task(follow(topic, start="latest", transport=transport))
    while service.requests < 4:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    await topic.append(2)
    await topic.append(3, close=True)
    assert await latest == [2, 3]
    assert await follow(topic, start=since, transport=transport) == [1, 2, 3]
    assert await follow(topic, start=3, transport=transport) == [2, 3]
    assert await follow(topic, transport=transport) == [0, 1, 2, 3]
    assert await follow(topic, start="latest", transport=transport) == []


def test_the_synchronous_client_does_the_same(service: Service) -> None:
    with Client(service.url) as client:
        topic = client.topic("orders")
        topic.append_batch([NewMessage(n) for n in range(50)])
        topic.append(50, close=True)
        for transport in ("sse", "poll"):
            assert [message.payload for message in topic.follow(5, transport=transport)] == list(range(4, 51))
        assert [message.payload for message in topic.read(2, until=40, page_size=7)] == list(range(1, 39))
        for _ in range(20):
            next(topic.follow()).offset.bit_length()


async def test_what_is_written_while_the_connection_is_lost_is_not_passed_over(service: Service, topic: AsyncTopic[Any]) -> None:
    await topic.append(0)
    service.faults({"fault": "reset", "rate": 1, "accept": "event-stream"})
    latest = asyncio.create_task(follow(topic, 2, start="latest"))
    await asyncio.sleep(0.3)
    await topic.append(1)
    service.faults()
    await topic.append(2)
    assert await latest == [1, 2]


async def test_cancelling_ends_the_loop_while_it_waits(topic: AsyncTopic[Any]) -> None:
    await topic.append(0)
    for transport in ("sse", "poll"):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(follow(topic, transport=transport), 0.3)


async def test_a_loop_that_is_left_closes_its_stream(service: Service, topic: AsyncTopic[Any]) -> None:
    await topic.append(0)
    for _ in range(20):
        assert await follow(topic, 1) == [0]
    started_at = time.monotonic()
    service.control("/kill")
    assert time.monotonic() - started_at < 2


async def test_a_stream_that_is_silent_for_too_long_is_opened_again(service: Service, topic: AsyncTopic[Any]) -> None:
    following = asyncio.create_task(follow(topic, 1, silent_timeout=0.1, transport="sse"))
    await asyncio.sleep(1)
    assert service.requests > 3
    await topic.append(5)
    assert await following == [5]


async def test_a_handler_that_is_slow_is_not_the_silence_of_the_stream(service: Service, topic: AsyncTopic[Any]) -> None:
    await topic.append_batch([NewMessage(0), NewMessage(1)])
    before = service.requests
    count = 0
    appending: list[asyncio.Task[Any]] = []
    async for message in topic.follow(silent_timeout=0.5):
        await asyncio.sleep(0.7)
        assert message.payload == count
        count += 1
        # Each comes when the stream has waited for it.
        if count in (2, 3):
            appending.append(asyncio.create_task(topic.append(count)))
        if count == 4:
            break
    await asyncio.gather(*appending)
    assert service.requests - before == 4, "the position, one stream, two appends"


position = {"next-offset": "2", "earliest-offset": "1", "end-offset": "2", "topic-closed": "true"}
line = '{"offset":1,"payload":7,"timestamp":1}\n'


async def test_what_is_not_a_stream_is_read_by_long_polls() -> None:
    page = Reply(line, headers=position)
    with scripted(page, Reply("<h1>Hello</h1>"), page) as (url, arrived):
        async with AsyncClient(url) as client:
            assert await follow(client.topic("orders")) == [7]
            with fails("held_back"):
                await follow(client.topic("orders"), start=1, transport="sse")
    assert [request.headers["accept"] for request in arrived] == [
        "application/x-ndjson",
        "text/event-stream",
        "application/x-ndjson",
        "text/event-stream",
    ]


def event(offset: int) -> str:
    return f'id: {offset}\ndata: {{"offset":{offset},"payload":{offset},"timestamp":1}}\n\n'


stream = {"content-type": "text/event-stream"}
empty = {"next-offset": "1", "earliest-offset": "1", "end-offset": "1"}


async def test_a_part_of_a_stream_that_comes_twice_does_not_give_a_message_twice() -> None:
    events = [event(n) for n in (1, 2, 1, 2, 3)]
    body = "retry: 1\nid: 0\n\n" + "".join(events) + 'event: closed\nid: 3\ndata: {"next_offset":4}\n\n'
    with scripted(Reply("", headers=empty), Reply(body, headers=stream)) as (url, _):
        async with AsyncClient(url) as client:
            assert await follow(client.topic("orders")) == [1, 2, 3]


async def test_long_polls_that_are_answered_at_once_do_not_follow_at_once() -> None:
    with scripted(Reply("", headers=empty)) as (url, arrived):
        async with AsyncClient(url) as client:
            topic = client.topic("orders")

            async def read() -> list[Any]:
                return [message async for message in topic.read(1, until=5)]

            for loop in (follow(topic, start=1, transport="poll"), read()):
                before = len(arrived)
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(loop, 1.5)
                assert 2 <= len(arrived) - before <= 4


def test_those_of_the_synchronous_client_neither() -> None:
    some = Reply(line, headers=position)
    with scripted(Reply("", headers=empty), Reply("", headers=empty), some) as (url, arrived), Client(url) as client:
        started_at = time.monotonic()
        assert [message.payload for message in client.topic("orders").read(1, until=2)] == [7]
        assert time.monotonic() - started_at >= 0.9
    assert len(arrived) == 3


async def test_an_event_that_says_why_the_stream_ends() -> None:
    def ends(code: str, status: int, retriable: bool, detail: str) -> Reply:
        problem = json.dumps({"code": code, "status": status, "retriable": retriable, "detail": detail})
        return Reply(f"retry: 1\nid: 0\n\nevent: problem\ndata: {problem}\n\n", headers=stream)

    later = ends("storage_unavailable", 503, True, "later")
    damaged = ends("segment_corrupt", 500, False, "damaged")
    with scripted(Reply("", headers=empty), later, damaged) as (url, arrived):
        async with AsyncClient(url) as client:
            with fails("segment_corrupt") as caught:
                await follow(client.topic("orders"))
    assert str(caught.value) == "damaged"
    assert len(arrived) == 3


@pytest.mark.parametrize("part", [b"x", b"\ndata: x"])
async def test_an_event_that_does_not_end_ends_the_loop(part: bytes) -> None:
    given = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal given
            yield b"retry: 1\nid: 0\n\ndata: "
            while given < 100_000_000:
                given += 1_000_000
                yield part * (1_000_000 // len(part))

    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=stream, stream=Endless()))
    async with AsyncClient("http://service", httpx_options={"transport": transport}) as client:
        with fails("invalid_answer"):
            await follow(client.topic("orders"), start=1)
    assert given < 20_000_000


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
async def test_a_long_stream_of_events_has_no_bound(ends: str) -> None:
    count = 0

    class Long(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal count
            text = f"retry: 1{ends}id: 0{ends * 2}"
            for count in range(1, 21):
                message = json.dumps({"offset": count, "payload": "x" * 1_000_000, "timestamp": 1})
                text += f"id: {count}{ends}data: {message}{ends * 2}"
                # Chunks end anywhere.
                cut = len(text) - count % 5
                yield text[:cut].encode()
                text = text[cut:]
            yield (text + f"event: closed{ends}id: 20{ends}data: {{}}{ends * 2}").encode()

    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=stream, stream=Long()))
    async with AsyncClient("http://service", httpx_options={"transport": transport}) as client:
        assert len(await follow(client.topic("orders"), start=1)) == 20
    assert count == 20


async def test_an_offset_beyond_the_end_is_an_error_that_says_where_the_topic_is(topic: AsyncTopic[Any]) -> None:
    await topic.append(0)
    with fails("offset_out_of_range") as caught:
        await follow(topic, start=100)
    assert (caught.value.problem["end"], caught.value.problem["earliest"]) == (2, 1)


async def test_reading_pages_a_range_the_end_as_it_was_and_what_was_trimmed(service: Service, topic: AsyncTopic[Any]) -> None:
    await topic.append_batch([NewMessage(n) for n in range(100)])

    async def read(**options: Any) -> list[Any]:
        got: list[Any] = []
        async for message in topic.read(**options):
            got.append(message.payload)
            # Others go on writing.
            if len(got) < 5:
                await topic.append(-1)
        return got

    before = service.requests
    assert await read(page_size=30) == list(range(100))
    assert service.requests - before == 4 + 4
    assert await read(start=11, until=14) == [10, 11, 12]
    end = (await topic.describe()).end
    waiting = asyncio.create_task(read(start=end - 1, until=end + 1))
    await asyncio.sleep(0.1)
    await topic.append(200)
    assert (await waiting)[0] == -1
    await topic.trim(50)
    trimmed: list[tuple[int, int]] = []
    got = [
        message.payload async for message in topic.read(10, until=52, on_trimmed=lambda start, end: trimmed.append((start, end)))
    ]
    assert (got, trimmed) == ([49, 50], [(10, 50)])
    with pytest.raises(ValueError, match="time zone"):
        await topic.page(datetime(2026, 1, 1))
