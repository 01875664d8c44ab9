"""How a stream can be configured, and how it can be read."""

from typing import Any, TypedDict

from scp_sdk.wires.link import WireName


class StreamOptions(TypedDict, total=False):
    """The fields of `POST /api/stream/start`; left out, they are the server's [defaults].

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


class ReadingOptions(StreamOptions, total=False):
    """How a stream is read, beside how a new one is configured.

    last_event_id: with stream_id: go on after this event, which an iteration that was cut off had
        as its last_event_id.
    wire: how events travel ["socketio"]. Where a proxy lets no WebSocket through, "sse" and
        "ndjson" do the same over one HTTP response. It never changes by itself.
    batch: several items may travel as one event [True]; a limit on events counts it as one.
    """

    last_event_id: str | None
    wire: WireName
    batch: bool
