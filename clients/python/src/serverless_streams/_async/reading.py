from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

from .._calls import Answer, Call, now, path_of, start_of
from .._codec import Format
from .._models import Message, Page, Position
from ._platform import Begun, sleep
from .transport import AsyncTransport

T = TypeVar("T")

_headers = {"accept": "application/x-ndjson"}

# Of a long poll, in seconds.
_wait = 20.0
# After one that was answered at once, without anything: the next does not follow at once.
_pause = 1.0


class AsyncReader(Generic[T]):
    """Reads the pages of one topic."""

    def __init__(self, transport: AsyncTransport, format: Format[T], topic: str) -> None:
        self.transport = transport
        self.format = format
        self.path = path_of("topics", topic, "consume")

    async def page(
        self,
        start: Position,
        limit: int = 1000,
        max_bytes: int | None = None,
        wait: float = 0.0,
        timeout: float | None = None,
    ) -> Page[T]:
        query = {**start_of(start), "limit": limit, "max_bytes": max_bytes, "wait": wait if wait > 0 else None}
        call = Call("consume", "GET", self.path, query=query, headers=_headers, wait=wait)
        lines, page = await self.transport.ask(call, _page_of, timeout)
        # Not within the attempt: what cannot be decoded once never can.
        messages = [self.format.decode(line) for line in lines.split("\n") if line]
        return Page(messages, *page)

    async def poll(self, start: int, limit: int = 1000, timeout: float | None = None) -> Page[T]:
        """A page that waits for messages."""
        asked_at = now()
        page = await self.page(start, limit, wait=_wait, timeout=timeout)
        if page.next_offset <= start and not page.closed and now() - asked_at < 0.1:
            # Some platforms answer a long poll at once.
            await sleep(_pause)
        return page

    async def _after(self, page: Page[T], limit: int, timeout: float | None) -> Page[T]:
        if page.messages:
            return await self.page(page.next_offset, limit, timeout=timeout)
        # What comes next is being written.
        return await self.poll(page.next_offset, limit, timeout)

    async def resolve(self, position: Position, timeout: float | None = None) -> int:
        """The offset of a position."""
        if isinstance(position, int):
            return position
        query = {**start_of(position), "limit": 1, "max_bytes": 1}
        return await self.transport.ask(Call("consume", "GET", self.path, query=query, headers=_headers), _offset_of, timeout)

    async def read(
        self,
        start: Position,
        until: int | None,
        page_size: int,
        on_trimmed: Callable[[int, int], object] | None,
        timeout: float | None,
    ) -> AsyncGenerator[Message[T]]:
        asked = start
        page = await self.page(start, page_size, timeout=timeout)
        end = page.end if until is None else until
        while True:
            if on_trimmed is not None and isinstance(asked, int) and page.earliest > asked:
                on_trimmed(asked, page.earliest)
            done = page.next_offset >= end or page.closed
            ahead = None if done else Begun(self._after, page, page_size, timeout)
            try:
                for message in page.messages:
                    if message.offset >= end:
                        return
                    yield message
                if ahead is None:
                    return
                asked = page.next_offset
                page = await ahead.result()
            finally:
                if ahead is not None:
                    await ahead.cancel()


def _page_of(answer: Answer) -> tuple[str, tuple[int, int, int, bool]]:
    closed = answer.headers.get("topic-closed") == "true"
    return answer.text, (
        answer.number("next-offset"),
        answer.number("earliest-offset"),
        answer.number("end-offset"),
        closed,
    )


def _offset_of(answer: Answer) -> int:
    # A payload need not be understood for its offset.
    found = re.match(r'\{"offset":(\d{1,19})', answer.text)
    return int(found[1]) if found else answer.number("next-offset")
