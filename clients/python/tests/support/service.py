from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

root = Path(__file__).parents[4]
node = root / "node_modules" / "node" / "bin" / "node"
entry = root / "clients" / "suite" / "main.ts"


class Service:
    """The service of the suite: a process, behind a fault proxy. clients/suite/README.md says what it takes."""

    def __init__(self, **options: Any) -> None:
        self._process = subprocess.Popen(
            [node, entry, json.dumps(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the service of the suite ended with {self._process.wait()}"
        addresses = json.loads(line)
        self.url: str = addresses["url"]
        self._http = httpx.Client(base_url=addresses["control"], timeout=30)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def control(self, path: str = "/", body: object = None) -> dict[str, Any]:
        """How many requests there were, and which faults."""
        response = self._http.post(path, content=None if body is None else json.dumps(body))
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def faults(self, *rules: dict[str, Any]) -> None:
        self.control("/faults", list(rules))

    @property
    def requests(self) -> int:
        requests: int = self.control()["requests"]
        return requests


class Server:
    """A server on SQLite, without the suite's proxy."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        environment = {**os.environ, "PORT": "0", "LOG_LEVEL": "silent", "DATA_DIR": self._folder.name}
        self._process = subprocess.Popen([node, root / "server.mjs"], stderr=subprocess.PIPE, text=True, env=environment)
        assert self._process.stderr is not None
        found = None
        while found is None:
            line = self._process.stderr.readline()
            assert line, f"the server ended with {self._process.wait()}"
            found = re.match(r"Listening on (http://[^\s,]+),", line)
        self.url = found[1]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()
