# Generated from _async/tokens.py by scripts/unasync.py: change that.

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from .._calls import Answer, Call, json_of, path_of
from .._models import TokenInfo, model_of
from .transport import Transport


class Tokens:
    """Access tokens of the service. They need the grant `admin:*`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        allow: Sequence[str],
        *,
        expires_at: int | None = None,
        expires_in_ms: int | None = None,
        rate: Mapping[str, int] | None = None,
        timeout: float | None = None,
    ) -> TokenInfo:
        """Creates a token. Only this answer has its `token`.

        It is not repeated after a lost answer, as each request creates another token. Raises `StreamsError`.

        `allow`: grants such as `produce:orders.*`, `admin:*` or `metrics`. `expires_at`: in ms since 1970; by default
        never. `expires_in_ms`: the same from now on. `rate`: `{"requests": 100}` a second, in each server process.
        """
        members = {
            "name": name,
            "allow": list(allow),
            "expires_at": expires_at,
            "expires_in_ms": expires_in_ms,
            "rate": rate,
        }
        call = Call("createToken", "POST", "/tokens", body=json_of(members), repeatable=False)
        return self._transport.ask(call, _token_of, timeout)

    def list(self, *, timeout: float | None = None) -> Generator[TokenInfo]:
        """All tokens, by their ids. Raises `StreamsError`."""
        after: str | None = None
        while True:
            page, after = self._transport.page("listTokens", "/tokens", "tokens", after, timeout)
            for item in page:
                yield model_of(TokenInfo, item)
            if after is None:
                return

    def describe(self, id: str, *, timeout: float | None = None) -> TokenInfo:
        """Raises `StreamsError` `token_not_found`."""
        return self._transport.ask(Call("describeToken", "GET", path_of("tokens", id)), _token_of, timeout)

    def revoke(self, id: str, *, timeout: float | None = None) -> None:
        """Deletes the token. Servers refuse it within seconds. Raises `StreamsError` `token_not_found`."""
        self._transport.send(Call("revokeToken", "DELETE", path_of("tokens", id)), lambda _: None, timeout)


def _token_of(answer: Answer) -> TokenInfo:
    return model_of(TokenInfo, answer.json())
