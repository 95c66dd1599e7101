from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


T = TypeVar("T")
Model = TypeVar("Model", bound=_Dataclass)

Position = int | Literal["earliest", "latest"] | datetime
"""Where reading begins: an offset, the first message, the end of the topic, or the first message at or after a time."""

GroupMode = Literal["shared", "keyed", "exclusive"]
"""`shared`: any message to any worker. `keyed`: those of a key one after the other. `exclusive`: one lease at a time."""

_epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Message(Generic[T]):
    """A message of a topic."""

    offset: int
    payload: T
    timestamp: int
    """When the service received it, in ms since 1970."""
    key: str | None = None
    headers: Mapping[str, str] | None = None

    @property
    def time(self) -> datetime:
        """The timestamp, in UTC."""
        return _epoch + timedelta(milliseconds=self.timestamp)


@dataclass(frozen=True, slots=True)
class NewMessage(Generic[T]):
    """A message to append."""

    payload: T
    key: str | None = None
    """At most 1 KiB."""
    headers: Mapping[str, str] | None = None
    """At most 8 KiB together."""


@dataclass(frozen=True, slots=True)
class Output:
    """A message for another topic, which a handler of `process` returns."""

    topic: str
    payload: Any
    key: str | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """A message that is stored."""

    topic: str
    offset: int
    duplicate: bool = False
    """An earlier attempt or an earlier call with the same key has stored it."""
    closed: bool = False


@dataclass(frozen=True, slots=True)
class AppendedBatch:
    """Messages that are stored, with consecutive offsets."""

    topic: str
    offset: int
    last_offset: int
    count: int
    duplicate: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Messages of one request."""

    messages: list[Message[T]]
    next_offset: int
    """Where the next page begins."""
    earliest: int
    """The first offset that was not removed."""
    end: int
    """The offset of the next message to be written."""
    closed: bool
    """The topic is closed, and this page goes up to its end."""


@dataclass(frozen=True, slots=True)
class TopicConfig:
    """What is set for a topic. `None`: the service's default."""

    retention_ms: int | None = None
    retention_bytes: int | None = None
    max_message_bytes: int | None = None
    rate: Mapping[str, int] | None = None
    """What each server takes in a second: `messages`, `bytes`."""


@dataclass(frozen=True, slots=True)
class GroupLag:
    """A group in the description of its topic."""

    group: str
    committed_offset: int | None = None
    lag: int | None = None


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic as it is."""

    topic: str
    earliest: int
    """The first offset that was not removed."""
    end: int
    """The offset of the next message to be written."""
    closed: bool
    config: TopicConfig
    created_at: int | None = None
    """In ms since 1970; `None` if it is not known."""
    groups: list[GroupLag] | None = None
    """The first consumer groups by name, if they were asked for."""
    groups_truncated: bool = False
    created: bool = False
    """`create` has made the topic."""


@dataclass(frozen=True, slots=True)
class Trimmed:
    topic: str
    earliest: int


@dataclass(frozen=True, slots=True)
class Closed:
    topic: str
    end: int


@dataclass(frozen=True, slots=True)
class LeaseInfo:
    """A lease in the description of its group."""

    consumer: str | None
    expires_at: int
    first: int
    last: int
    messages: int


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A consumer group as it is."""

    topic: str
    group: str
    mode: GroupMode
    lease_ms: int
    max_attempts: int | None
    """Deliveries before a message becomes a dead letter; `None`: never."""
    dead_letter_topic: str | None
    max_in_flight: int
    committed_offset: int
    """All messages below are done."""
    next_offset: int
    """The first offset that was never handed out."""
    end: int
    lag: int
    in_flight: int
    retrying: int
    delayed: int
    locked_keys: int
    dead_letters_waiting: int
    state_bytes: int
    leases: list[LeaseInfo]
    created: bool = False
    """`create` has made the group."""


@dataclass(frozen=True, slots=True)
class Redelivered:
    """Messages `first` to `last` were delivered before, and this is the `attempt`-th delivery."""

    first: int
    last: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Lease:
    id: str
    expires_at: int
    """By the clock of the storage, in ms since 1970."""
    expires_in_ms: int
    """From when the service answered."""
    redelivered: list[Redelivered] = field(default_factory=list[Redelivered])


@dataclass(frozen=True, slots=True)
class LeasePart:
    """Messages of a lease; all of them without `offsets`."""

    lease_id: str
    offsets: list[int] | None = None

    def to_wire(self) -> dict[str, Any]:
        return {"lease_id": self.lease_id} if self.offsets is None else {"lease_id": self.lease_id, "offsets": self.offsets}


@dataclass(frozen=True, slots=True)
class Acked:
    acked: int
    already: bool
    committed_offset: int


@dataclass(frozen=True, slots=True)
class AckProblem:
    """Why an entry of `ack` in a receive was refused."""

    code: str
    detail: str
    retriable: bool


@dataclass(frozen=True, slots=True)
class Received(Generic[T]):
    """The answer of a receive."""

    messages: list[Message[T]]
    lease: Lease | None
    """`None` if there are no messages."""
    acked: list[Acked | AckProblem]
    """For each entry of `ack`: the answer, or the problem."""
    committed_offset: int
    lag: int
    waiting_for: str | None = None
    """Why there are none: `messages`, `writer`, `delay`, `leases`, `acks` or `dead_letters`."""
    retry_in_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Nacked:
    nacked: int
    returned: list[int]
    """Offsets that went back with them."""
    dead: int
    """How many became dead letters."""


@dataclass(frozen=True, slots=True)
class Extended:
    expires_at: int
    expires_in_ms: int


@dataclass(frozen=True, slots=True)
class Sought:
    committed_offset: int
    ended_leases: int


@dataclass(frozen=True, slots=True)
class Redriven:
    redriven: int
    skipped: int
    trimmed: list[int]
    more: bool


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """An access token. Only the answer of `create` has `token`."""

    id: str
    name: str | None
    allow: list[str]
    created_at: int | None = None
    created_by: str | None = None
    expires_at: int | None = None
    rate: Mapping[str, int] | None = None
    token: str | None = None


def model_of(model: type[Model], members: Mapping[str, Any], **converted: Any) -> Model:
    """A model of the members of an answer. Members that a later service may add are left out."""
    known = {item.name for item in fields(model)}
    return model(**{name: value for name, value in members.items() if name in known}, **converted)


def topic_info_of(members: Mapping[str, Any], *, created: bool = False) -> TopicInfo:
    rest = {name: value for name, value in members.items() if name not in ("config", "groups")}
    groups = members.get("groups")
    return model_of(
        TopicInfo,
        rest,
        created=created,
        config=model_of(TopicConfig, members["config"]),
        groups=None if groups is None else [model_of(GroupLag, group) for group in groups],
    )


def group_info_of(members: Mapping[str, Any], *, created: bool = False) -> GroupInfo:
    rest = {name: value for name, value in members.items() if name != "leases"}
    return model_of(GroupInfo, rest, created=created, leases=[model_of(LeaseInfo, lease) for lease in members["leases"]])


def received_of(messages: list[Message[T]], members: Mapping[str, Any]) -> Received[T]:
    lease = members.get("lease")
    acked = members.get("acked") or ()
    return Received(
        messages=messages,
        lease=None if lease is None else lease_of(lease),
        acked=[model_of(AckProblem, item) if "code" in item else model_of(Acked, item) for item in acked],
        committed_offset=members["committed_offset"],
        lag=members["lag"],
        waiting_for=members.get("waiting_for"),
        retry_in_ms=members.get("retry_in_ms"),
    )


def lease_of(members: Mapping[str, Any]) -> Lease:
    rest = {name: value for name, value in members.items() if name != "redelivered"}
    return model_of(Lease, rest, redelivered=[model_of(Redelivered, item) for item in members.get("redelivered") or ()])
