from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from serverless_streams import AsyncClient, AsyncTopic, HandlerContext, Message, Output, StreamsError

from .support.service import Service
from .support.suite import Case, Handled, Step, assert_each, backoff, cases, check_faults, kill, retry, start


class Runner:
    """Runs the steps of one scenario."""

    def __init__(self, service: Service, client: AsyncClient) -> None:
        self._service = service
        self._client = client

    async def run(self, step: Step) -> None:
        ((kind, value),) = step.items()
        if kind == "faults":
            self._service.faults(*value)
        elif kind == "together":
            await asyncio.gather(*(self.run(part) for part in value))
        elif kind == "kill":
            await asyncio.to_thread(kill, self._service, value)
        else:
            await getattr(self, f"_{kind}")(value)

    def _topic(self, step: Step) -> AsyncTopic[Any]:
        return self._client.topic(step["topic"])

    async def _produce(self, step: Step) -> None:
        keys = step.get("keys", 1)
        async with self._topic(step).producer(batch_messages=step.get("batchMessages", 1000)) as producer:
            sent = [await producer.send({"n": n}, key=f"k{n % keys}") for n in range(step["messages"])]
        offsets = [await delivery.result() for delivery in sent]
        assert all(after > before for before, after in itertools.pairwise(offsets)), "offsets rise"

    async def _append(self, step: Step) -> None:
        numbers = iter(range(step["messages"]))
        offsets: set[int] = set()

        async def some() -> None:
            for n in numbers:
                offsets.add((await self._topic(step).append({"n": n})).offset)

        await asyncio.gather(*(some() for _ in range(step["concurrency"])))
        assert len(offsets) == step["messages"]

    async def _read(self, step: Step) -> None:
        messages = self._topic(step).read(page_size=step.get("pageSize", 1000))
        got = [message.payload["n"] async for message in messages]
        assert_each(got if step.get("order", True) else sorted(got), step["messages"])

    async def _follow(self, step: Step) -> None:
        got: list[int] = []
        last = 0
        open_timeout = step.get("openMs", 5000) / 1000
        async for message in self._topic(step).follow(transport=step.get("transport", "auto"), open_timeout=open_timeout):
            assert message.offset > last
            last = message.offset
            got.append(message.payload["n"])
            if len(got) == step["messages"]:
                break
        assert_each(got, step["messages"])

    async def _consume(self, step: Step) -> None:
        group = self._topic(step).group(step["group"])
        await group.create(mode=step.get("mode", "shared"), max_attempts=None, lease_ms=step["leaseMs"])
        handled = Handled(step)
        stop = asyncio.Event()

        async def handler(message: Message[Any], context: HandlerContext) -> None:
            await asyncio.sleep(0.001)
            if handled.take(message, context.attempt):
                stop.set()

        await asyncio.gather(
            *(
                group.consume(handler, stop=stop, concurrency=step["concurrency"], lease_ms=step["leaseMs"], backoff=backoff)
                for _ in range(step.get("workers", 1))
            )
        )
        handled.check()
        await self._settled(step)

    async def _settled(self, step: Step) -> None:
        """What was acknowledged stays so: nobody has to do it again."""
        self._service.faults()
        group = self._topic(step).group(step["group"])
        left: list[int] = []
        stop = asyncio.Event()
        consuming = asyncio.create_task(group.consume(lambda message, _: left.append(message.offset), stop=stop, concurrency=100))
        end = (await self._topic(step).describe()).end
        while (await group.describe()).committed_offset < end:
            await asyncio.sleep(0.05)
        stop.set()
        await consuming
        assert len(left) < step["messages"] / 10, f"{len(left)} of {step['messages']} came again"

    async def _process(self, step: Step) -> None:
        group = self._topic(step).group(step["group"])
        await group.create(max_attempts=None)
        if step.get("again"):
            await group.seek("earliest")
        handled = Handled(step)
        stop = asyncio.Event()

        async def handler(message: Message[Any], context: HandlerContext) -> Output:
            if handled.take(message, context.attempt):
                stop.set()
            return Output(step["to"], {"n": message.payload["n"]})

        await group.process(handler, stop=stop, concurrency=step["concurrency"], lease_ms=step["leaseMs"], backoff=backoff)
        handled.check()

    async def _fence(self, step: Step) -> None:
        old = self._topic(step).producer(id=step["id"], batch_messages=10)
        for n in range(step["before"]):
            await old.send({"n": n})
        await old.flush()
        async with self._topic(step).producer(id=step["id"], batch_messages=10) as heir:
            for n in range(step["before"], step["before"] + step["after"]):
                await heir.send({"n": n})
        for call in (old.append({"n": -1}), old.send({"n": -1}), old.close()):
            with pytest.raises(StreamsError) as caught:
                await call
            assert (caught.value.code, caught.value.status) == ("producer_fenced", 403)


@pytest.mark.parametrize("case", cases("server", "lambda-streaming"), ids=str)
async def test_scenario(case: Case) -> None:
    with start(case) as service:
        async with AsyncClient(service.url, retry=retry) as client:
            runner = Runner(service, client)
            for step in case.steps:
                await runner.run(step)
        check_faults(service, case)
