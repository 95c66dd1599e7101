"""What a request is, what its answer means, and when it is sent again. Without input and output."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar, cast
from urllib.parse import quote, urlencode

from ._errors import StreamsError, Written
from ._models import Position
from ._options import Retry

T = TypeVar("T")

logger = logging.getLogger("serverless_streams")

body_bytes_max = 64 * 1024 * 1024
"""Of an answer. The service's own are below 6 MiB, but for its metrics."""

now = time.monotonic


@dataclass(frozen=True)
class Call:
    """A request of one operation."""

    operation: str
    """Its id in the OpenAPI document."""
    method: Literal["DELETE", "GET", "POST", "PUT"]
    path: str
    """Below the service's URL; its parts are encoded."""
    query: Mapping[str, str | int | float | bool | None] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    """JSON."""
    repeatable: bool = True
    """It has the same effect once and several times, so that it can be sent again after a lost answer."""
    appends: bool = False
    """Its errors say whether messages were written."""
    wait: float = 0.0
    """The time that a long poll asks the service to wait, in seconds. Attempt and call may take so much longer."""

    def target(self) -> str:
        given = {name: _text_of(value) for name, value in self.query.items() if value is not None}
        return f"{self.path}?{urlencode(given)}" if given else self.path


@dataclass(frozen=True)
class Answer:
    """A whole answer that is no error."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> dict[str, Any]:
        """Raises `StreamsError` `invalid_answer`."""
        try:
            value: object = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
        # An answer that was cut is an error of the connection before; this is a page of something in between.
        raise self.invalid(f"expected a JSON object, got {self.text[:100]}")

    def number(self, name: str) -> int:
        """A header. Raises `StreamsError` `invalid_answer`."""
        value = self.headers.get(name, "")
        # A number of the service has at most 16 digits.
        if value.isascii() and value.isdigit() and len(value) <= 19:
            return int(value)
        raise self.invalid(f"{name}: expected this header in the answer, got {value or 'none'}")

    def read(self, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the answer. Raises `StreamsError` `invalid_answer` if members are missing."""
        try:
            return read(self)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            raise self.invalid(f"the answer is none of the service: {error!r}") from error

    def invalid(self, reason: str) -> StreamsError:
        return StreamsError(f"{self.status}: {reason}", code="invalid_answer", status=self.status, retriable=True)


class Attempts:
    """What is known after the attempts of one call."""

    def __init__(self, call: Call, retry: Retry, timeout: float) -> None:
        self._call = call
        self._retry = retry
        self._ends_at = now() + timeout + call.wait
        self._written: Written | None = None
        self._lost = False
        self.attempt = 1

    @property
    def left(self) -> float:
        return self._ends_at - now()

    def after(self, error: StreamsError) -> float | None:
        """The pause before the next attempt, in seconds. `None`: there is nothing to do any more. Raises the error otherwise."""
        # What an attempt without an answer has deleted is not there any more.
        if self._lost and self._call.method == "DELETE" and error.status == 404:
            return None
        self._lost = self._lost or (error.status is None and error.code != "no_token")
        told = error
        # A later attempt that says `no` speaks of itself only.
        if self._written == "unknown" and error.written == "no":
            told = error.with_written("unknown")
        self._written = told.written
        pause = pause_after(self._retry, error, self.attempt)
        most = self._retry.attempts
        again = (most is None or self.attempt < most) and may_repeat(error, repeatable=self._call.repeatable)
        if not again or pause >= self.left:
            raise told
        log_retry(self._call.operation, self.attempt, told, pause)
        self.attempt += 1
        return pause


def log_retry(operation: str, attempt: int, error: StreamsError, pause: float) -> None:
    logger.info("%s: attempt %d failed with %s, next in %.3f s: %s", operation, attempt, error.code, pause, error.message)


def pause_after(retry: Retry, error: StreamsError, attempt: int) -> float:
    """At least as long as the service asked, in seconds."""
    return (error.retry_after or 0.0) + retry.pause(attempt)


def may_repeat(error: StreamsError, *, repeatable: bool = True) -> bool:
    """Whether the call can be sent again after the error of one attempt."""
    # It lasts as long as other workers take.
    if error.code == "group_busy":
        return False
    unknown = error.written == "unknown" or error.applied == "unknown"
    answered = error.status is not None and error.code != "invalid_answer" and not unknown
    # Without a token nothing was sent.
    known = answered or error.code == "no_token"
    if not known and not repeatable:
        return False
    # Of an append whose outcome is not known, only a repetition tells.
    return error.retriable or (error.written == "unknown" and (error.status or 0) >= 500)


def path_of(*parts: str) -> str:
    """A path below the service's URL."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def json_of(members: Mapping[str, Any], drop: object = None) -> bytes:
    """A body without members that are `drop`."""
    given = {name: value for name, value in members.items() if value is not drop}
    return json.dumps(given, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def start_of(position: Position) -> dict[str, str | int]:
    """The query of a position."""
    if isinstance(position, datetime):
        if position.tzinfo is None:
            raise ValueError("start: expected a datetime with a time zone, got one without")
        return {"timestamp": round(position.timestamp() * 1000)}
    return {"offset": str(position)}


def _text_of(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
