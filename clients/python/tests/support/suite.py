"""The format of clients/suite/scenarios.json, and what the runners of both clients share."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any, NamedTuple

from serverless_streams import Backoff, GroupMode, Message, Retry

from .service import Service, root

Step = dict[str, Any]

retry = Retry(base=0.02, max=0.5)
backoff = Backoff(base=0.05, max=0.2)


class Case(NamedTuple):
    target: str
    scenario: dict[str, Any]

    @property
    def steps(self) -> list[Step]:
        steps: list[Step] = self.scenario["steps"]
        return steps

    def __str__(self) -> str:
        return f"{self.target}: {self.scenario['name']}"


def cases(*quick: str) -> list[Case]:
    """Those of the targets, or all with SUITE=all: the clients are translations of each other, and need not run everything."""
    scenarios = json.loads((root / "clients" / "suite" / "scenarios.json").read_text())["scenarios"]
    targets = ("server", "lambda", "lambda-streaming")
    return [
        Case(target, scenario)
        for target in (targets if os.environ.get("SUITE") == "all" else quick)
        for scenario in scenarios
        if target in scenario.get("targets", targets)
    ]


def start(case: Case) -> Service:
    return Service(seed=case.scenario["seed"], settings=case.scenario.get("settings", {}), target=case.target)


def kill(service: Service, step: Step) -> None:
    before = service.requests
    while service.requests < before + step["afterRequests"]:
        time.sleep(0.01)
    service.control("/kill")
    time.sleep(step["downMs"] / 1000)
    service.control("/start")


def check_faults(service: Service, case: Case) -> None:
    happened = service.control()["happened"]
    print(happened)
    assert happened or '"fault":' not in json.dumps(case.scenario), "faults have happened"


def assert_each(got: list[int], messages: int) -> None:
    wrong = next((at for at, n in enumerate(got) if n != at), None)
    assert wrong is None, f"expected {wrong} at {wrong}, got {got[wrong : wrong + 5]}"
    assert len(got) == messages


class FirstAttemptFails(Exception):
    pass


class Handled:
    """What the handlers of one step have seen. They may run in several threads."""

    def __init__(self, step: Step) -> None:
        self._step = step
        mode: GroupMode = step.get("mode", "shared")
        # Messages of a key are that far apart.
        self._apart = {"keyed": 20, "exclusive": 1, "shared": 0}[mode]
        self._last: dict[str, int] = {}
        self._lock = threading.Lock()
        self.seen: set[int] = set()
        self.problems: list[str] = []

    def take(self, message: Message[Any], attempt: int) -> bool:
        """Whether these were all. Raises what a handler raises."""
        n: int = message.payload["n"]
        key = message.key or ""
        fail_every = self._step.get("failEvery")
        with self._lock:
            if self._step.get("keyOrder") and n not in self.seen:
                if self._last.get(key, -1) >= n:
                    self.problems.append(f"{key}: {n} came after {self._last[key]}")
                if self._apart and any(before not in self.seen for before in range(n - self._apart, -1, -self._apart)):
                    self.problems.append(f"{key}: {n} came before one below it")
            if fail_every and n % fail_every == fail_every - 1 and attempt == 1:
                raise FirstAttemptFails
            self._last[key] = max(n, self._last.get(key, -1))
            self.seen.add(n)
            return len(self.seen) == self._step["messages"] or bool(self.problems)

    def check(self) -> None:
        assert not self.problems
        assert len(self.seen) == self._step["messages"]
