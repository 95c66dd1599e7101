"""What schemathesis has to know about this service (https://schemathesis.readthedocs.io/en/stable/guides/extending/)."""
import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    """The document describes a body of lines as the array of them."""
    items = value if isinstance(value, list) else [value]
    return "".join(json.dumps(item) + "\n" for item in items).encode()


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Nobody appends while a request waits, so it would wait in vain for up to 20 seconds."""
    positive = case.meta is not None and case.meta.generation.mode.is_positive
    if positive and isinstance(case.query, dict) and "wait" in case.query:
        case.query["wait"] = "0.01"
    if isinstance(case.body, dict) and isinstance(case.body.get("wait"), (int, float)) and case.body["wait"] > 0:
        case.body["wait"] = 0.01


# Refusals of what a schema can't describe: they depend on what is stored, or on two fields together.
STATE = {
    "offset_out_of_range", "invalid_group_config", "topic_not_found", "group_not_found", "message_too_large", "idempotency_conflict",
}
TOGETHER = (
    "expected this parameter or offset, got both",
    "expected this header or a producer, got both",
    "expected this header or the member",
    "expected this header because of",
    "expected the id of a lease",
    # A date before 1970.
    "expected milliseconds since 1970, or a date",
    "the first and the last offset of the lease",
)


@schemathesis.check
def valid_is_accepted(_context, response, case):
    """In place of positive_data_acceptance, which would have to let every 400 pass."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in (400, 413, 415, 422):
        return
    problem = response.json()
    if problem["code"] in STATE or any(text in problem["detail"] for text in TOGETHER):
        return
    raise AssertionError(f"valid by the document, but refused: {problem['detail']}")
