"""Client of Serverless Streams: Kafka-like topics over HTTP.

`Client` and `AsyncClient` have the same methods. Times in parameters are seconds, as everywhere in Python; names that end with
`_ms` are members of the service's API, in milliseconds.
"""

from ._async.client import AsyncClient
from ._async.group import AsyncGroup
from ._async.processing import AsyncProcessHandler
from ._async.producer import AsyncDelivery, AsyncProducer
from ._async.tokens import AsyncTokens
from ._async.topic import AsyncTopic
from ._codec import Codec, TypeAdapterLike, json_codec, model_codec, text_codec
from ._consuming import Handler, HandlerContext, Outputs, ProcessHandler
from ._errors import RejectMessage, StreamsError, Written
from ._models import (
    Acked,
    AckProblem,
    Appended,
    AppendedBatch,
    Closed,
    Extended,
    GroupInfo,
    GroupLag,
    GroupMode,
    Lease,
    LeaseInfo,
    LeasePart,
    Message,
    Nacked,
    NewMessage,
    Output,
    Page,
    Position,
    Received,
    Redelivered,
    Redriven,
    Sought,
    TokenInfo,
    TopicConfig,
    TopicInfo,
    Trimmed,
)
from ._options import KEEP, Backoff, Keep, Retry, Token
from ._sync.client import Client
from ._sync.group import Group
from ._sync.producer import Delivery, Producer
from ._sync.tokens import Tokens
from ._sync.topic import Topic

__all__ = [
    "KEEP",
    "AckProblem",
    "Acked",
    "Appended",
    "AppendedBatch",
    "AsyncClient",
    "AsyncDelivery",
    "AsyncGroup",
    "AsyncProcessHandler",
    "AsyncProducer",
    "AsyncTokens",
    "AsyncTopic",
    "Backoff",
    "Client",
    "Closed",
    "Codec",
    "Delivery",
    "Extended",
    "Group",
    "GroupInfo",
    "GroupLag",
    "GroupMode",
    "Handler",
    "HandlerContext",
    "Keep",
    "Lease",
    "LeaseInfo",
    "LeasePart",
    "Message",
    "Nacked",
    "NewMessage",
    "Output",
    "Outputs",
    "Page",
    "Position",
    "ProcessHandler",
    "Producer",
    "Received",
    "Redelivered",
    "Redriven",
    "RejectMessage",
    "Retry",
    "Sought",
    "StreamsError",
    "Token",
    "TokenInfo",
    "Tokens",
    "Topic",
    "TopicConfig",
    "TopicInfo",
    "Trimmed",
    "TypeAdapterLike",
    "Written",
    "json_codec",
    "model_codec",
    "text_codec",
]
