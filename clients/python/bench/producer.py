"""Messages a second of the producers, against what httpx itself can post, and followers against pages, in interleaved rounds.

    python bench/producer.py [--messages 100000] [--rounds 5]

It starts a server on SQLite, and needs what `npm ci` has installed. `httpx` posts the same batches, whose bodies are ready, five
at a time; `pages` gets pages and does not decode them: what is left for a client to lose. Only ratios of one run count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.service import Server

from serverless_streams import AsyncClient, Client

Subject = Callable[[str, str, int], Coroutine[Any, Any, None]]

batch_messages = 1000


def payload_of(n: int) -> dict[str, object]:
    return {"id": n, "item": "book", "quantity": 2, "price": 12.5, "note": "x" * 40}


bodies: list[bytes] = []


async def raw(url: str, topic: str, messages: int) -> None:
    """The ceiling: bodies that are ready, posted by httpx."""
    left = iter(bodies)
    async with httpx.AsyncClient(timeout=30) as http:

        async def some() -> None:
            for body in left:
                response = await http.post(
                    f"{url}/topics/{topic}/produce", content=body, headers={"content-type": "application/json"}
                )
                response.raise_for_status()

        await asyncio.gather(*(some() for _ in range(5)))


async def asynchronous(url: str, topic: str, messages: int) -> None:
    async with AsyncClient(url) as client, client.topic(topic).producer(batch_messages=batch_messages) as producer:
        for n in range(messages):
            await producer.send(payload_of(n))


async def synchronous(url: str, topic: str, messages: int) -> None:
    def send() -> None:
        with Client(url) as client, client.topic(topic).producer(batch_messages=batch_messages) as producer:
            for n in range(messages):
                producer.send(payload_of(n))

    await asyncio.to_thread(send)


async def pages(url: str, topic: str, messages: int) -> None:
    """Raw pages, by httpx, not decoded."""
    offset = 1
    async with httpx.AsyncClient(timeout=30) as http:
        while offset <= messages:
            response = await http.get(
                f"{url}/topics/{topic}/consume?offset={offset}&limit=1000", headers={"accept": "application/x-ndjson"}
            )
            offset = int(response.headers["next-offset"])


async def read(url: str, topic: str, messages: int) -> None:
    async with AsyncClient(url) as client:
        got = [message.offset async for message in client.topic(topic).read()]
    assert len(got) == messages


async def follow(url: str, topic: str, messages: int) -> None:
    async with AsyncClient(url) as client:
        async for message in client.topic(topic).follow():
            if message.offset == messages:
                break


def measure(subjects: Mapping[str, Subject], topic: Callable[[str, int], str], given: argparse.Namespace, url: str) -> None:
    rates: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(given.rounds):
        for name, subject in subjects.items():
            started_at = time.perf_counter()
            asyncio.run(subject(url, topic(name, number), given.messages))
            rates[name].append(given.messages / (time.perf_counter() - started_at))
    first = next(iter(subjects))
    for name, found in rates.items():
        ratios = [rate / ceiling for rate, ceiling in zip(found, rates[first], strict=True)]
        print(f"{name:14} {statistics.median(found):10,.0f} messages/s  {statistics.median(ratios):6.2f} of {first}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for at in range(0, given.messages, batch_messages):
        batch = [{"payload": payload_of(n)} for n in range(at, min(at + batch_messages, given.messages))]
        bodies.append(json.dumps({"messages": batch}, separators=(",", ":")).encode())
    with Server() as server:
        producers = {"httpx": raw, "AsyncProducer": asynchronous, "Producer": synchronous}
        measure(producers, lambda name, number: f"{name}-{number}", given, server.url)
        readers = {"pages": pages, "read": read, "follow": follow}
        measure(readers, lambda name, number: "AsyncProducer-0", given, server.url)


if __name__ == "__main__":
    main()
