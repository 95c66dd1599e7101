from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import orjson
import pytest
from pydantic import BaseModel, TypeAdapter

from serverless_streams import Client, Codec, Message, NewMessage, StreamsError, json_codec, model_codec, text_codec
from serverless_streams._codec import Format, split

from .support.service import Service

stored = '{"offset":7,"payload":%s,"timestamp":1702000000123,"key":"k","headers":{"a":"b"}}'


def format_of(codec: Codec[Any] = json_codec) -> Format[Any]:
    return Format(codec, None)


@pytest.mark.parametrize(
    "payload",
    [
        "null",
        "-1.5e3",
        '"a\\\\\\"}],{[b"',
        '{"a":[1,{"b":"]"}],"payload":",\\"payload\\":"}',
        "[]",
        '[[],[{}],"\\u005d"]',
        "9007199254740993",
        '"ü\u2028"',
        "[" * 100_000 + "]" * 100_000,
    ],
)
def test_the_text_of_a_payload_stays_as_it_is(payload: str) -> None:
    assert split(stored % payload) == Message(7, payload, 1702000000123, "k", {"a": "b"})
    page = '{"messages":[' + ",".join([stored % payload] * 3) + '],"lease":null,"lag":2}'
    messages, rest = format_of(text_codec).split_all(page)
    assert [message.payload for message in messages] == [payload] * 3
    assert rest == {"lease": None, "lag": 2}
    assert format_of().split_all('{"messages":[]}') == ([], {})


def test_messages_are_encoded_as_the_service_reads_them() -> None:
    assert (
        format_of().encode({"ü": [1, None]}, "k", {"a": "b"})
        == '{"payload":{"ü":[1,null]},"key":"k","headers":{"a":"b"}}'.encode()
    )
    assert format_of(Codec(orjson.dumps, orjson.loads)).encode({"ü": 1}) == '{"payload":{"ü":1}}'.encode()
    assert format_of().decode(stored % "{}").time == datetime(2023, 12, 8, 1, 46, 40, 123000, timezone.utc)


@pytest.mark.parametrize("payload", [float("nan"), {1, 2}, "\ud800", object()])
def test_what_is_no_json_is_refused(payload: object) -> None:
    with pytest.raises(StreamsError) as caught:
        format_of().encode(payload)
    assert (caught.value.code, caught.value.written) == ("invalid_payload", "no")


# Python reads neither integers of more than 4,300 digits, nor any depth.
@pytest.mark.parametrize("payload", ["1" * 5000, "[" * 100_000 + "]" * 100_000])
def test_a_payload_that_python_cannot_read_names_its_offset(payload: str) -> None:
    with pytest.raises(StreamsError, match="payload of offset 7") as caught:
        format_of().decode(stored % payload)
    assert caught.value.code == "invalid_payload"
    with pytest.raises(StreamsError, match="payload of offset 7"):
        format_of().check(split(stored % payload))


class Order(BaseModel):
    item: str
    at: datetime


def test_models_and_other_codecs_against_the_service() -> None:
    with Service() as service, Client(service.url) as client:
        order = Order(item="book", at=datetime(2026, 1, 31, 12, tzinfo=timezone.utc))
        orders = client.topic("orders", model_codec(TypeAdapter(Order)))
        orders.append(order, headers={"a": "b"})
        orders.append_batch([NewMessage(order, key="k"), NewMessage(order)])
        assert [message.payload for message in orders.read()] == [order] * 3
        assert client.topic("orders").page().messages[1].key == "k"
        big = client.topic("big")
        big.append(10**40)
        client.topic("big", text_codec).append("1e1000000")
        assert [message.payload for message in client.topic("big", text_codec).read()] == [str(10**40), "1e1000000"]
        assert next(iter(big.read())).payload == 10**40
        client.topic("orders").append("no order")
        with pytest.raises(StreamsError, match="payload of offset 4"):
            list(orders.read())
