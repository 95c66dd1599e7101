from __future__ import annotations

import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx


class Keep(Enum):
    KEEP = "keep"

    def __repr__(self) -> str:
        return "KEEP"


KEEP: Literal[Keep.KEEP] = Keep.KEEP
"""A member of a config that keeps its value. `None` takes the service's default again."""


@dataclass(frozen=True)
class Backoff:
    """Pauses with full jitter: anything up to a bound that doubles with each attempt."""

    base: float = 0.1
    """The longest pause after the first attempt, in seconds."""
    max: float = 5.0

    def pause(self, attempt: int) -> float:
        """The pause after an attempt that failed, counted from 1, in seconds."""
        return random.uniform(0, min(self.max, self.base * 2 ** min(attempt - 1, 30)))


@dataclass(frozen=True)
class Retry(Backoff):
    """How requests are repeated. `Retry(attempts=1)`: not at all."""

    attempts: int | None = None
    """The most attempts; by default as many as fit into `timeout`."""


Token = str | Callable[[], str | Awaitable[str]]


@dataclass(frozen=True)
class Options:
    """What a client was made with. It makes the httpx clients of both kinds."""

    url: str
    token: Token | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    retry: Retry = field(default_factory=Retry)
    timeout: float = 60.0
    attempt_timeout: float = 30.0
    message_headers: Callable[[], Mapping[str, str]] | None = None
    httpx_options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError(f"url: expected http://… or https://… without a query, got {self.url!r}")
        object.__setattr__(self, "url", self.url.rstrip("/"))

    def httpx(self) -> dict[str, Any]:
        """Options of an httpx client."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        given = dict(self.httpx_options)
        if given.get("verify", True) is True and "cert" not in given:
            given["verify"] = self._ssl_context
        return {"limits": limits, **given}

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        # Making one takes longer than many a request.
        return httpx.create_ssl_context(trust_env=self.httpx_options.get("trust_env", True))
