"""The five minutes of the README: a worker in each language, one of which is killed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from .support.service import Service, node, root

readme = (root / "README.md").read_text()


def block(first: str) -> str:
    """The block that begins with the line."""
    found = re.search(rf"^```\w+\n({re.escape(first)}\n.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert found is not None, first
    return found[1]


class Worker:
    def __init__(self, name: str, command: list[str | Path], folder: Path) -> None:
        self.name = name
        self._output = folder / f"{name}.txt"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)

    @property
    def done(self) -> list[str]:
        """To whom it has mailed."""
        lines = self._output.read_text().splitlines()
        assert all(line.startswith(f"{self.name} mailed ") for line in lines), lines
        return [line.rsplit(" ", 1)[1] for line in lines]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Callable[[], list[Worker]]]:
    started: list[Worker] = []

    def start() -> list[Worker]:
        started.append(Worker("Node", [node, "worker.mjs"], tmp_path))
        started.append(Worker("Python", [sys.executable, "worker.py"], tmp_path))
        return started

    yield start
    for worker in started:
        worker.process.kill()
        worker.process.wait()


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("victim", ["Node", "Python"])
def test_a_worker_in_each_language_and_one_is_killed(victim: str, workers: Callable[[], list[Worker]], tmp_path: Path) -> None:
    built = subprocess.run([node, root / "clients/typescript/build.js"], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (tmp_path / "node_modules").symlink_to(root / "node_modules")
    with Service() as service:
        for name, first in (("worker.mjs", "// worker.mjs"), ("worker.py", "# worker.py")):
            (tmp_path / name).write_text(block(first).replace("http://127.0.0.1:9000", service.url))
        both = workers()
        path = f"{os.path.dirname(node)}:{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "HOME": str(tmp_path), "STREAMS_URL": service.url}
        subprocess.run(
            ["sh", "-ec", block('seq 20 | sed \'s/.*/{"to":"customer-&"}/\' | npx streams produce jobs')],
            cwd=tmp_path,
            env=env,
            check=True,
        )

        killed, other = both if victim == "Node" else reversed(both)
        eventually(lambda: len(killed.done) > 1 and len(other.done) > 1)
        killed.process.kill()
        killed.process.wait()
        eventually(lambda: set(killed.done + other.done) == {f"customer-{n}" for n in range(1, 21)})

        def group() -> dict[str, Any]:
            answer: dict[str, Any] = httpx.get(f"{service.url}/topics/jobs/groups/mailers").json()
            return answer

        eventually(lambda: group()["lag"] == 0)
        # Each came once, but for what the killed one held: one that it worked on, and one ahead, and what it had not yet
        # acknowledged.
        again = len(killed.done + other.done) - 20
        assert again <= 4, killed.done + other.done
        assert len(set(other.done)) == len(other.done)
