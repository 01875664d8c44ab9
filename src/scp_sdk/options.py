"""How a stream can be configured: the fields of `POST /api/stream/start`."""

from typing import Any, TypedDict


class StreamOptions(TypedDict, total=False):
    """What is left out is the server's default, given in brackets.

    batch_size: items handed over at once, 1 to 1000 [100].
    max_results: at most so many of what is there already; None for all [None].
    filters: by stream type, see docs/api_reference.md [none].
    real_time: go on with what changes when everything was read [False].
    rate_limit_per_minute: batches and checks for changes a minute [60].
    include_raw: the provider's own object beside each item [False].
    cursor: go on where an earlier stream of the same type and filters was.
    agent_id: a label for the audit trail.
    """

    batch_size: int
    max_results: int | None
    filters: dict[str, Any]
    real_time: bool
    rate_limit_per_minute: int
    include_raw: bool
    cursor: str | None
    agent_id: str | None
