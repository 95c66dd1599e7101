# Generated from _async/pools.py by scripts/unasync.py: change that.

from __future__ import annotations

import threading

import httpx

from .._options import Options

_calls_max = 8


class Pool:
    """An httpx client, and how many calls it has."""

    def __init__(self, options: Options) -> None:
        self.http = httpx.Client(**options.httpx())
        self.calls = 0


class Pools:
    """Many small pools of connections.

    For each request, httpx looks at each pair of connections of its pool: with 50 of them a request costs four times the
    computing time.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pools = [Pool(options)]
        # Never held while something is awaited.
        self._lock = threading.Lock()

    @property
    def first(self) -> httpx.Client:
        """To make requests, which any of them can send."""
        return self._pools[0].http

    def send(self, request: httpx.Request) -> Opened:
        """Raises what httpx raises."""
        with self._lock:
            pool = next((pool for pool in self._pools if pool.calls < _calls_max), None)
            if pool is None:
                pool = Pool(self._options)
                self._pools.append(pool)
            pool.calls += 1
        try:
            return Opened(pool.http.send(request, stream=True), pool, self._lock)
        except BaseException:
            with self._lock:
                pool.calls -= 1
            raise

    def close(self) -> None:
        for pool in self._pools:
            pool.http.close()


class Opened:
    """An answer whose body is not read yet. Whoever has it closes it."""

    def __init__(self, response: httpx.Response, pool: Pool, lock: threading.Lock) -> None:
        self.response = response
        self._pool: Pool | None = pool
        self._lock = lock

    def close(self) -> None:
        pool, self._pool = self._pool, None
        try:
            self.response.close()
        finally:
            if pool is not None:
                with self._lock:
                    pool.calls -= 1
