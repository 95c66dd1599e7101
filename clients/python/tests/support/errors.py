from __future__ import annotations

import pytest

from serverless_streams import StreamsError


def fails(code: str | tuple[str, ...], written: str | None = None) -> pytest.RaisesExc[StreamsError]:
    """A context that a `StreamsError` with this code, or one of these, has to leave."""

    codes = (code,) if isinstance(code, str) else code

    def fits(error: StreamsError) -> bool:
        return error.code in codes and (written is None or error.written == written)

    return pytest.RaisesExc(StreamsError, check=fits)
