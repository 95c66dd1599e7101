# Generated from _async/transport.py by scripts/unasync.py: change that.

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import httpx

from .._calls import Answer, Attempts, Call, body_bytes_max, logger, now
from .._errors import StreamsError, Written, error_of
from .._options import Options, Token
from ._platform import sleep, token_of, within
from .pools import Opened, Pools

T = TypeVar("T")


class Transport:
    """Sends requests, with retries."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._pools = Pools(options)

    def close(self) -> None:
        self._pools.close()

    def send(self, call: Call, read: Callable[[Answer], T], timeout: float | None = None) -> T | None:
        """Sends until there is an answer that stays. `None` for a deletion that an attempt without an answer has done."""
        attempts = Attempts(call, self.options.retry, self.options.timeout if timeout is None else timeout)
        while True:
            try:
                # Read within the attempt, so that a page of something in between is asked for again.
                return (self.once(call, attempts.left)).read(read)
            except StreamsError as error:
                pause = attempts.after(error)
            if pause is None:
                return None
            sleep(pause)

    def ask(self, call: Call, read: Callable[[Answer], T], timeout: float | None = None) -> T:
        """The same for what is no deletion."""
        return cast("T", self.send(call, read, timeout))

    def once(self, call: Call, timeout: float) -> Answer:
        """Sends once. Raises `StreamsError`."""
        limit = min(self.options.attempt_timeout + call.wait, timeout)
        request = self.request(call, httpx.Timeout(max(limit, 0.001)))
        try:
            return within(limit, self._exchange(request, call, now() + limit))
        except StreamsError as error:
            if error.code != "timeout":
                raise
            raise _lost(call, "timeout", "no answer in time") from error
        except httpx.TimeoutException as error:
            raise _lost(call, "timeout", "no answer in time") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise _lost(call, "no_answer", f"no answer: {error or type(error).__name__}") from error

    def request(self, call: Call, timeout: httpx.Timeout) -> httpx.Request:
        """A request that is ready to be sent. Raises `StreamsError` `no_token`."""
        headers = {**self.options.headers, **call.headers}
        if call.body is not None:
            headers["content-type"] = "application/json"
        if self.options.token is not None:
            headers["authorization"] = f"Bearer {self._token(self.options.token, call)}"
        return self._pools.first.build_request(
            call.method, self.options.url + call.target(), headers=headers, content=call.body, timeout=timeout
        )

    def _token(self, token: Token, call: Call) -> str:
        try:
            return token_of(token)
        except StreamsError as error:
            raise error.with_written("no" if call.appends else None) from error.__cause__

    def open(self, request: httpx.Request, call: Call) -> Opened:
        """An answer whose body is not read yet. The caller closes it. Raises `StreamsError`, and what httpx raises."""
        started_at = now()
        opened = self._pools.send(request)
        response = opened.response
        logger.debug("%s: %d after %.3f s", call.operation, response.status_code, now() - started_at)
        if response.is_success:
            return opened
        try:
            body = _body_of(response, started_at + self.options.attempt_timeout)
        finally:
            opened.close()
        raise error_of(response.status_code, response.headers, body, appends=call.appends)

    def _exchange(self, request: httpx.Request, call: Call, ends_at: float) -> Answer:
        opened = self.open(request, call)
        try:
            response = opened.response
            return Answer(response.status_code, response.headers, _body_of(response, ends_at))
        finally:
            opened.close()

    def page(
        self, operation: str, path: str, items: str, after: str | None, timeout: float | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of a list, and where the next one begins."""
        call = Call(operation, "GET", path, query={"after": after, "limit": 1000})
        return self.ask(call, lambda answer: (answer.json()[items], answer.json().get("next")), timeout)


def _body_of(response: httpx.Response, ends_at: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > body_bytes_max:
            raise StreamsError(
                f"expected an answer of at most {body_bytes_max} bytes",
                code="invalid_answer",
                status=response.status_code,
            )
        if now() > ends_at:
            raise StreamsError("no answer in time", code="timeout", retriable=True)
    return b"".join(chunks)


def _lost(call: Call, code: str, reason: str) -> StreamsError:
    written: Written | None = "unknown" if call.appends else None
    return StreamsError(f"{call.operation}: {reason}", code=code, retriable=True, written=written)
