from __future__ import annotations

import threading

import httpx

from .._options import Options

_calls_max = 8


class AsyncPool:
    """An httpx client, and how many calls it has."""

    def __init__(self, options: Options) -> None:
        self.http = httpx.AsyncClient(**options.httpx())
        self.calls = 0


class AsyncPools:
    """Many small pools of connections.

    For each request, httpx looks at each pair of connections of its pool: with 50 of them a request costs four times the
    computing time.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pools = [AsyncPool(options)]
        # Never held while something is awaited.
        self._lock = threading.Lock()

    @property
    def first(self) -> httpx.AsyncClient:
        """To make requests, which any of them can send."""
        return self._pools[0].http

    async def send(self, request: httpx.Request) -> AsyncOpened:
        """Raises what httpx raises."""
        with self._lock:
            pool = next((pool for pool in self._pools if pool.calls < _calls_max), None)
            if pool is None:
                pool = AsyncPool(self._options)
                self._pools.append(pool)
            pool.calls += 1
        try:
            return AsyncOpened(await pool.http.send(request, stream=True), pool, self._lock)
        except BaseException:
            with self._lock:
                pool.calls -= 1
            raise

    async def aclose(self) -> None:
        for pool in self._pools:
            await pool.http.aclose()


class AsyncOpened:
    """An answer whose body is not read yet. Whoever has it closes it."""

    def __init__(self, response: httpx.Response, pool: AsyncPool, lock: threading.Lock) -> None:
        self.response = response
        self._pool: AsyncPool | None = pool
        self._lock = lock

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        try:
            await self.response.aclose()
        finally:
            if pool is not None:
                with self._lock:
                    pool.calls -= 1
