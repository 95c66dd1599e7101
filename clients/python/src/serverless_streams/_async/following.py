from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator
from typing import Any, Generic, Literal, TypeVar

import httpx
from httpx_sse import EventSource, ServerSentEvent

from .._calls import Call, log_retry, logger, may_repeat, now, pause_after, start_of
from .._errors import StreamsError
from .._models import Message, Position
from ._platform import sleep
from .reading import AsyncReader

T = TypeVar("T")

FollowTransport = Literal["auto", "sse", "poll"]

# After this time without success, server-sent events are tried again, in seconds.
_polling = 300.0

# Of one event of a stream. A message has at most 4 MiB.
_event_bytes_max = 16 * 1024 * 1024


class AsyncFollowing(Generic[T]):
    """Follows one topic: existing messages, then new ones, for ever or to the end of a closed topic."""

    def __init__(self, reader: AsyncReader[T], transport: FollowTransport, open_timeout: float, silent_timeout: float) -> None:
        self._reader = reader
        self._transport = transport
        self._open_timeout = open_timeout
        self._silent_timeout = silent_timeout
        self._offset = 0
        self._closed = False
        self._polls_until = 0.0
        # Attempts without a sign of life between.
        self._failures = 0

    async def messages(self, start: Position) -> AsyncGenerator[Message[T]]:
        # Once for all, so that what is written during a reconnection is not passed over.
        self._offset = await self._resolved(start)
        while not self._closed:
            polls = self._transport == "poll" or (self._transport == "auto" and now() < self._polls_until)
            attempt = self._poll() if polls else self._stream()
            try:
                async for message in attempt:
                    self._failures = 0
                    # A proxy that repeats a part of a stream must not repeat messages.
                    if message.offset < self._offset:
                        continue
                    self._offset = message.offset + 1
                    yield message
            except StreamsError as error:
                await self._failed(error)
            finally:
                await attempt.aclose()

    async def _resolved(self, start: Position) -> int:
        while True:
            try:
                return await self._reader.resolve(start)
            except StreamsError as error:
                await self._failed(error)

    async def _failed(self, error: StreamsError) -> None:
        """Waits for another attempt. Raises the error, if it stays."""
        if error.code == "held_back":
            if self._transport == "sse":
                raise error
            logger.info("consume: %s: long polls for %d s", error.message, _polling)
            self._polls_until = now() + _polling
            return
        if not may_repeat(error):
            raise error
        self._failures += 1
        pause = pause_after(self._reader.transport.options.retry, error, self._failures)
        log_retry("consume", self._failures, error, pause)
        await sleep(pause)

    async def _poll(self) -> AsyncGenerator[Message[T]]:
        page = await self._reader.poll(self._offset)
        self._failures = 0
        for message in page.messages:
            yield message
        self._offset = page.next_offset
        self._closed = page.closed

    async def _stream(self) -> AsyncGenerator[Message[T]]:
        """The messages of one stream. Raises `StreamsError` when it breaks."""
        call = Call("consume", "GET", self._reader.path, query=start_of(self._offset), headers={"accept": "text/event-stream"})
        transport = self._reader.transport
        request = await transport.request(call, httpx.Timeout(self._open_timeout))
        try:
            opened = await transport.open(request, call)
        except httpx.ConnectTimeout as error:
            raise StreamsError("consume: no connection in time", code="timeout", retriable=True) from error
        except httpx.TimeoutException as error:
            raise _held_back("the stream did not begin in time") from error
        except httpx.TransportError as error:
            raise _broken(error) from error
        # Read anew when the body begins: from here on silence counts. A slow handler is not the stream's silence.
        request.extensions["timeout"]["read"] = self._silent_timeout
        response = opened.response
        try:
            content_type = response.headers.get("content-type", "")
            if not content_type.startswith("text/event-stream"):
                raise _held_back(f"expected text/event-stream, got {content_type or 'no type'}")
            events = _events_of(response)
            try:
                async for event in events:
                    message = self._message_of(event)
                    if message is not None:
                        yield message
                    if self._closed:
                        return
            finally:
                await events.aclose()
        except httpx.TransportError as error:
            raise _broken(error) from error
        finally:
            await opened.aclose()
        # The service or the platform has ended the stream in order. Many clients do not come back at the same moment.
        await sleep(random.random())

    def _message_of(self, event: ServerSentEvent) -> Message[T] | None:
        """The message of an event, if it has one. Takes in what else the event says."""
        if event.event == "problem":
            raise _problem_of(event.data)
        if event.event == "message" and event.data:
            return self._reader.format.decode(event.data)
        # The first event has `retry`, and comes also when a problem follows. Another one is a sign of life.
        if event.retry is None:
            self._failures = 0
        if event.id.isdecimal() and len(event.id) <= 19:
            # Only the position has moved.
            self._offset = max(self._offset, int(event.id) + 1)
        if event.event == "closed":
            self._closed = True
        return None


async def _events_of(response: httpx.Response) -> AsyncGenerator[ServerSentEvent]:
    """The events of a stream. A stream that gives nothing at all before it is silent for too long is held back."""
    begun = False
    content = _bounded(response)
    bounded = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=content)
    try:
        async for event in EventSource(bounded).aiter_sse():
            begun = True
            yield event
    except httpx.ReadTimeout as error:
        if begun:
            raise
        raise _held_back("the stream did not begin in time") from error
    finally:
        await content.aclose()


async def _bounded(response: httpx.Response) -> AsyncGenerator[bytes]:
    """The bytes of a stream. Raises `StreamsError` if an event does not end: the parser would keep all of it."""
    size = 0
    last = b""
    async for chunk in response.aiter_bytes():
        seen = last + chunk
        # An empty line, by any of the line ends of server-sent events.
        end = max(seen.rfind(ends) for ends in (b"\n\n", b"\n\r", b"\r\r"))
        size = size + len(chunk) if end < 0 else len(seen) - end - 2
        if size > _event_bytes_max:
            raise StreamsError(
                f"consume: expected events of at most {_event_bytes_max} bytes, got a longer one",
                code="invalid_answer",
                status=response.status_code,
            )
        last = chunk[-1:]
        yield chunk


def _held_back(reason: str) -> StreamsError:
    return StreamsError(f"consume: {reason}", code="held_back", retriable=True)


def _broken(error: Exception) -> StreamsError:
    return StreamsError(f"consume: the stream broke: {error or type(error).__name__}", code="no_answer", retriable=True)


def _problem_of(data: str) -> StreamsError:
    try:
        problem: dict[str, Any] = json.loads(data)
        return StreamsError(
            str(problem["detail"]),
            code=str(problem["code"]),
            status=int(problem["status"]),
            retriable=problem.get("retriable") is True,
            problem=problem,
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return StreamsError(f"consume: the stream ended with {data[:200]}", code="invalid_answer", retriable=True)
