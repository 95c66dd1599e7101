from __future__ import annotations

import json
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal, cast

Written = Literal["no", "unknown"]
"""Whether messages of a failed append are in the topic."""


class StreamsError(Exception):
    """The one class of all errors that the service, the network or a payload is the reason of.

    Codes of the service are on its page `docs/errors.md`. The client's own are:

    - `no_answer`: the connection could not be made, or broke before the whole answer had arrived.
    - `timeout`: there was no answer within `attempt_timeout` or `timeout`.
    - `invalid_answer`: the answer is not one of the service, often a proxy's own page.
    - `held_back`: following with `transport="sse"`, something between holds the stream back, or answers something else.
    - `no_token`: the function `token` has raised; what it raised is the `__cause__`. Nothing was sent.
    - `invalid_payload`: the codec cannot encode or decode a payload.
    - `producer_closed`: a message for a producer after `close`.
    - `producer_aborted`: a message of a producer that was aborted.
    - `handler_timeout`: a handler of a group took longer than `handler_timeout`.
    """

    code: str
    """Stable, for programs."""
    status: int | None
    """HTTP status; `None` if there was no answer."""
    retriable: bool
    """Whether the same request may succeed later. The client has already tried for `timeout`."""
    written: Written | None
    """Of failed appends only. `unknown`: the messages may be in the topic, now or later. Counts all attempts."""
    applied: Literal["unknown"] | None
    """`unknown`: a change of a consumer group may have been made."""
    retry_after: float | None
    """What the service asked to wait, in seconds; at most 600."""
    request_id: str | None
    """Under which the service's log has the request."""
    problem: Mapping[str, Any]
    """All members of the service's answer, such as `end` of `offset_mismatch`."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int | None = None,
        retriable: bool = False,
        written: Written | None = None,
        applied: Literal["unknown"] | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.retriable = retriable
        self.written = written
        self.applied = applied
        self.retry_after = retry_after
        self.request_id = request_id
        self.problem = {} if problem is None else problem

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross the borders of processes, and keyword arguments are not among those that an exception keeps.
        return (_restored, (self.message, {name: value for name, value in vars(self).items() if name != "message"}))

    def with_written(self, written: Written | None) -> StreamsError:
        """A copy that says what is known after earlier attempts, too."""
        members = {name: value for name, value in vars(self).items() if name not in ("message", "written")}
        error = _restored(self.message, {**members, "written": written})
        error.__cause__ = self.__cause__
        return error


class RejectMessage(Exception):
    """Raised by a handler for a message that will never succeed: it becomes a dead letter at once."""


def _restored(message: str, members: dict[str, Any]) -> StreamsError:
    members = {name: value for name, value in members.items() if not name.startswith("__")}
    return StreamsError(message, **members)


# Statuses with which proxies and platforms say that it may work later.
_passing = frozenset({408, 425, 429, 500, 502, 503, 504})

# Nobody is silenced for longer, whoever has answered, in seconds.
_retry_after_max = 600.0


def error_of(status: int, headers: Mapping[str, str], body: bytes, *, appends: bool) -> StreamsError:
    """The error of an answer. `appends`: the request may be stored, although its answer is none of the service's."""
    text = body.decode("utf-8", "replace")
    problem = _object_of(text)
    retry_after = retry_after_of(headers.get("retry-after"))
    request_id = headers.get("x-request-id")
    code = problem.get("code")
    if not isinstance(code, str):
        shown = " ".join(text.split())[:200] or "an empty body"
        return StreamsError(
            f"{status} without a problem of the service: {shown}",
            code="invalid_answer",
            status=status,
            retriable=status in _passing,
            written="unknown" if appends else None,
            retry_after=retry_after,
            request_id=request_id,
        )
    detail = problem.get("detail")
    written: Any = problem.get("written")
    # Errors of HTTP come before a request is known to be an append, and do not say it.
    known: Written | None = written if written in ("no", "unknown") else "unknown" if appends else None
    return StreamsError(
        detail if isinstance(detail, str) else code,
        code=code,
        status=status,
        retriable=problem.get("retriable") is True,
        written=known,
        applied="unknown" if problem.get("applied") == "unknown" else None,
        retry_after=retry_after,
        request_id=request_id,
        problem=problem,
    )


def no_token(error: Exception) -> StreamsError:
    """What a function that gives the token has raised: it may have asked somebody who has an outage."""
    return StreamsError(f"token: {error or type(error).__name__}", code="no_token", retriable=True)


def retry_after_of(text: str | None) -> float | None:
    """Seconds, or a date; at most 10 minutes. `None` for anything else."""
    if text is None:
        return None
    # `isdecimal` also takes digits of other scripts, as `float` does.
    if text.isdecimal() and len(text) < 10:
        return min(float(text), _retry_after_max)
    try:
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - time.time()), _retry_after_max)
    except (ValueError, OverflowError):
        return None


def _object_of(text: str) -> dict[str, Any]:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
