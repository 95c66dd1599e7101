from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar, cast

from ._errors import StreamsError
from ._models import Message, NewMessage

T = TypeVar("T")

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Codec(Generic[T]):
    """How payloads become JSON text, and back. The service keeps the text as it is.

    Example: `Codec(dumps=orjson.dumps, loads=orjson.loads)`. What either raises becomes `invalid_payload`.
    """

    dumps: Callable[[T], str | bytes]
    """JSON, as text or in UTF-8."""
    loads: Callable[[str], T]


json_codec: Codec[Any] = Codec(dumps=_encode, loads=json.loads)
"""The default: `json` of the standard library. Integers have any number of digits; NaN and Infinity are refused."""

text_codec: Codec[str] = Codec(dumps=lambda text: text, loads=lambda text: text)
"""Payloads are JSON text, byte for byte as they were appended: to pass messages on without parsing them."""


class TypeAdapterLike(Protocol[T]):
    """What `model_codec` needs of pydantic's `TypeAdapter`."""

    def dump_json(self, instance: T, /) -> bytes: ...
    def validate_json(self, data: str, /) -> T: ...


def model_codec(adapter: TypeAdapterLike[T]) -> Codec[T]:
    """Payloads are models, checked when they are read. Example: `model_codec(TypeAdapter(Order))`."""
    return Codec(dumps=adapter.dump_json, loads=adapter.validate_json)


class Format(Generic[T]):
    """Turns messages into the service's JSON and back."""

    def __init__(self, codec: Codec[T], message_headers: Callable[[], Mapping[str, str]] | None) -> None:
        self._dumps = codec.dumps
        self._loads = codec.loads
        # One pass over the text of a message, instead of two.
        self._plain = codec is json_codec
        self._headers = message_headers

    def encode(self, payload: T, key: str | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        """The JSON object of a message. Raises `StreamsError` `invalid_payload`."""
        try:
            text = self._dumps(payload)
            common = None if self._headers is None else self._headers()
            if common is not None:
                headers = {**common, **(headers or {})}
            more = "" if key is None else f',"key":{_encode(key)}'
            if headers is not None:
                more += f',"headers":{_encode(dict(headers))}'
            if isinstance(text, str):
                return f'{{"payload":{text}{more}}}'.encode()
            return b'{"payload":' + text + more.encode() + b"}"
        except (ValueError, TypeError, RecursionError) as error:
            reason = f"payload, key or headers: expected what the codec can write as JSON: {error}"
            raise StreamsError(reason, code="invalid_payload", written="no") from error

    def encode_all(self, messages: Iterable[NewMessage[T]]) -> list[bytes]:
        return [self.encode(message.payload, message.key, message.headers) for message in messages]

    def decode(self, text: str) -> Message[T]:
        """A message as the service stores it. Raises `StreamsError` `invalid_payload`, which names the offset."""
        if self._plain:
            try:
                return _message_of(json.loads(text))
            except (ValueError, RecursionError, KeyError, TypeError) as error:
                raise _undecodable(text, error) from error
        return self.check(split(text))

    def split_all(self, text: str) -> tuple[list[Message[str]], dict[str, Any]]:
        """The messages of an answer `{"messages":[…],…}`, whose payloads are still text, and the rest of the answer."""
        at = len(_messages_at)
        messages: list[Message[str]] = []
        while text[at] != "]":
            end = _end_of(text, at)
            messages.append(split(text[at:end]))
            at = end + 1 if text[end] == "," else end
        return messages, json.loads("{" + text[at + 1 :].lstrip(","))

    def check(self, message: Message[str]) -> Message[T]:
        """Decodes the payload of a message. Raises `StreamsError` `invalid_payload`."""
        try:
            # `replace` keeps the class, but not the parameter of the type.
            return cast("Message[T]", replace(cast("Message[Any]", message), payload=self._loads(message.payload)))
        except Exception as error:
            reason = f"payload of offset {message.offset}: {error}"
            raise StreamsError(reason, code="invalid_payload") from error


_messages_at = '{"messages":['
_payload_at = ',"payload":'


def split(text: str) -> Message[str]:
    """A message as the service stores it, `{"offset":1,"payload":…,"timestamp":…}`, with the text of its payload."""
    start = text.index(_payload_at) + len(_payload_at)
    end = _end_of(text, start)
    return _message_of(json.loads(text[: start - len(_payload_at)] + text[end:]), text[start:end])


def _message_of(members: dict[str, Any], payload: Any = None) -> Message[Any]:
    return Message(
        members["offset"],
        members.get("payload", payload),
        members["timestamp"],
        members.get("key"),
        members.get("headers"),
    )


def _undecodable(text: str, error: Exception) -> StreamsError:
    found = re.match(r'\{"offset":(\d+)', text)
    where = f"payload of offset {found[1]}" if found else "message"
    return StreamsError(f"{where}: {error}", code="invalid_payload")


# A string, or what opens or closes a level, or a comma. Everything else of JSON needs no look.
_token = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]},]', re.DOTALL)


def _end_of(text: str, start: int) -> int:
    """The index after the JSON value that begins at `start`. The text is known to be valid. Takes any depth."""
    depth = 0
    for token in _token.finditer(text, start):
        match token[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                if depth == 0:
                    return token.start()
                depth -= 1
                if depth == 0:
                    return token.end()
            case ",":
                if depth == 0:
                    return token.start()
            case _:
                if depth == 0:
                    return token.end()
    return len(text)
