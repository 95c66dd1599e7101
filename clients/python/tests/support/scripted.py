"""A server that answers as it is told."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal


@dataclass
class Arrived:
    method: str
    path: str
    headers: Mapping[str, str]
    body: str


@dataclass
class Reply:
    """What a request is answered with."""

    body: object = field(default_factory=dict[str, Any])
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Script = Reply | Literal["hang", "close"]
"""`hang`: never an answer. `close`: the connection ends without one."""


def problem(status: int, code: str, *, headers: Mapping[str, str] | None = None, **members: object) -> Reply:
    """An error of the service."""
    shared = {"code": code, "status": status, "detail": f"it is {code}", "retriable": status == 429 or status >= 503}
    return Reply({**shared, **members}, status, headers or {})


@contextmanager
def scripted(*scripts: Script) -> Generator[tuple[str, list[Arrived]]]:
    """One script a request, and the last one for ever. Gives the URL, and what has arrived."""
    arrived: list[Arrived] = []
    lock = threading.Lock()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:
                self.close_connection = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                arrived.append(Arrived(self.command, self.path, headers, body))
                script = scripts[min(len(arrived), len(scripts)) - 1]
            if isinstance(script, str):
                if script == "hang":
                    over.wait()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            text = (script.body if isinstance(script.body, str) else json.dumps(script.body)).encode()
            self.send_response(script.status)
            for name, value in {"content-length": str(len(text)), **script.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", arrived
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
