# Generated from _async/client.py by scripts/unasync.py: change that.

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import Any, TypeVar, overload

from .._calls import Answer, Call
from .._codec import Codec, json_codec
from .._options import Options, Retry, Token
from .tokens import Tokens
from .topic import Topic
from .transport import Transport

T = TypeVar("T")


class Client:
    """The service.

    `url`: such as `http://127.0.0.1:9000`. It may have a path: the stage of an API Gateway, or `/v1`.

    `token`: for `Authorization: Bearer`. A function is asked before each attempt, so that it can renew the token.
    What it raises is repeated as an outage is, and is the cause of `StreamsError` `no_token` in the end.

    `headers`: sent with each request.

    `retry`: how requests are repeated; `Retry(attempts=1)`: not at all.

    `timeout`: for a call with all its attempts, in seconds. `attempt_timeout`: for one attempt.

    `message_headers`: gives headers for every message that is appended, such as `traceparent`. A message's own go before
    them.

    `httpx_options`: for the httpx client, such as `verify`, `proxy`, `transport` or `event_hooks`. The synchronous client
    also makes an asynchronous one of them, for its producers and consumers.
    """

    tokens: Tokens
    """Access tokens, for admins."""

    def __init__(
        self,
        url: str,
        *,
        token: Token | None = None,
        headers: Mapping[str, str] | None = None,
        retry: Retry | None = None,
        timeout: float = 60.0,
        attempt_timeout: float = 30.0,
        message_headers: Callable[[], Mapping[str, str]] | None = None,
        httpx_options: Mapping[str, Any] | None = None,
    ) -> None:
        options = Options(
            url, token, headers or {}, retry or Retry(), timeout, attempt_timeout, message_headers, httpx_options or {}
        )
        self._transport = Transport(options)
        self.tokens = Tokens(self._transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. Producers have to be closed before."""
        self._transport.close()

    @overload
    def topic(self, name: str) -> Topic[Any]: ...
    @overload
    def topic(self, name: str, codec: Codec[T]) -> Topic[T]: ...
    def topic(self, name: str, codec: Codec[Any] = json_codec) -> Topic[Any]:
        """A topic. Sends nothing.

        `codec`: how payloads become JSON and back. Example: `client.topic("orders", model_codec(TypeAdapter(Order)))`
        """
        return Topic(self._transport, name, codec)

    def topics(self, *, timeout: float | None = None) -> Generator[str]:
        """The names of the topics. Raises `StreamsError`."""
        after: str | None = None
        while True:
            page, after = self._transport.page("listTopics", "/topics", "topics", after, timeout)
            for item in page:
                yield item["topic"]
            if after is None:
                return

    def health(self, *, timeout: float | None = None) -> dict[str, Any]:
        """Whether the server runs: `{"status": "ok"}`. Raises `StreamsError`."""
        return self._transport.ask(Call("health", "GET", "/health"), Answer.json, timeout)

    def ready(self, *, timeout: float | None = None) -> dict[str, Any]:
        """Whether the server can use its storage. Raises `StreamsError`, which names the part that does not answer."""
        return self._transport.ask(Call("ready", "GET", "/ready"), Answer.json, timeout)

    def metrics(self, *, timeout: float | None = None) -> str:
        """The server's metrics, in the text format of Prometheus. Raises `StreamsError`."""
        return self._transport.ask(Call("metrics", "GET", "/metrics"), lambda answer: answer.text, timeout)
