from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from serverless_streams import Client, HandlerContext, Message, Output, StreamsError, Topic

from .support.service import Service
from .support.suite import Case, Handled, Step, assert_each, backoff, cases, check_faults, kill, retry, start


class Runner:
    """Runs the steps of one scenario."""

    def __init__(self, service: Service, client: Client) -> None:
        self._service = service
        self._client = client

    def run(self, step: Step) -> None:
        ((kind, value),) = step.items()
        if kind == "faults":
            self._service.faults(*value)
        elif kind == "together":
            with ThreadPoolExecutor(len(value)) as pool:
                list(pool.map(self.run, value))
        elif kind == "kill":
            kill(self._service, value)
        else:
            getattr(self, f"_{kind}")(value)

    def _topic(self, step: Step) -> Topic[Any]:
        return self._client.topic(step["topic"])

    def _produce(self, step: Step) -> None:
        keys = step.get("keys", 1)
        with self._topic(step).producer(batch_messages=step.get("batchMessages", 1000)) as producer:
            sent = [producer.send({"n": n}, key=f"k{n % keys}") for n in range(step["messages"])]
        offsets = [delivery.result() for delivery in sent]
        assert all(after > before for before, after in itertools.pairwise(offsets)), "offsets rise"

    def _append(self, step: Step) -> None:
        with ThreadPoolExecutor(step["concurrency"]) as pool:
            appended = [pool.submit(self._topic(step).append, {"n": n}) for n in range(step["messages"])]
            assert len({future.result().offset for future in appended}) == step["messages"]

    def _read(self, step: Step) -> None:
        got = [message.payload["n"] for message in self._topic(step).read(page_size=step.get("pageSize", 1000))]
        assert_each(got if step.get("order", True) else sorted(got), step["messages"])

    def _follow(self, step: Step) -> None:
        got: list[int] = []
        last = 0
        open_timeout = step.get("openMs", 5000) / 1000
        for message in self._topic(step).follow(transport=step.get("transport", "auto"), open_timeout=open_timeout):
            assert message.offset > last
            last = message.offset
            got.append(message.payload["n"])
            if len(got) == step["messages"]:
                break
        assert_each(got, step["messages"])

    def _consume(self, step: Step) -> None:
        group = self._topic(step).group(step["group"])
        group.create(mode=step.get("mode", "shared"), max_attempts=None, lease_ms=step["leaseMs"])
        handled = Handled(step)
        stop = threading.Event()

        def handler(message: Message[Any], context: HandlerContext) -> None:
            time.sleep(0.001)
            if handled.take(message, context.attempt):
                stop.set()

        def work() -> None:
            group.consume(handler, stop=stop, concurrency=step["concurrency"], lease_ms=step["leaseMs"], backoff=backoff)

        workers = step.get("workers", 1)
        with ThreadPoolExecutor(workers) as pool:
            for worker in [pool.submit(work) for _ in range(workers)]:
                worker.result()
        handled.check()
        self._settled(step)

    def _settled(self, step: Step) -> None:
        """What was acknowledged stays so: nobody has to do it again."""
        self._service.faults()
        group = self._topic(step).group(step["group"])
        left: list[int] = []
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            consuming = pool.submit(
                lambda: group.consume(lambda message, _: left.append(message.offset), stop=stop, concurrency=100)
            )
            end = self._topic(step).describe().end
            while group.describe().committed_offset < end:
                time.sleep(0.05)
            stop.set()
            consuming.result()
        assert len(left) < step["messages"] / 10, f"{len(left)} of {step['messages']} came again"

    def _process(self, step: Step) -> None:
        group = self._topic(step).group(step["group"])
        group.create(max_attempts=None)
        if step.get("again"):
            group.seek("earliest")
        handled = Handled(step)
        stop = threading.Event()

        def handler(message: Message[Any], context: HandlerContext) -> Output:
            if handled.take(message, context.attempt):
                stop.set()
            return Output(step["to"], {"n": message.payload["n"]})

        group.process(handler, stop=stop, concurrency=step["concurrency"], lease_ms=step["leaseMs"], backoff=backoff)
        handled.check()

    def _fence(self, step: Step) -> None:
        old = self._topic(step).producer(id=step["id"], batch_messages=10)
        for n in range(step["before"]):
            old.send({"n": n})
        old.flush()
        with self._topic(step).producer(id=step["id"], batch_messages=10) as heir:
            for n in range(step["before"], step["before"] + step["after"]):
                heir.send({"n": n})
        for call in (lambda: old.append({"n": -1}), lambda: old.send({"n": -1}), old.close):
            with pytest.raises(StreamsError) as caught:
                call()
            assert (caught.value.code, caught.value.status) == ("producer_fenced", 403)


@pytest.mark.parametrize("case", cases("server", "lambda"), ids=str)
def test_scenario(case: Case) -> None:
    with start(case) as service, Client(service.url, retry=retry) as client:
        runner = Runner(service, client)
        for step in case.steps:
            runner.run(step)
        check_faults(service, case)
