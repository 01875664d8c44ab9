"""Metrics for Prometheus. All names are here."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from scp_server.ports.meter import SetAsideFor
from scp_wire.codes import ErrorCode
from scp_wire.stream_types import Provider, StreamType

# Labels are from short, fixed lists: never an id, an address, or anything a user typed.
STREAMS_ACTIVE: Final = "scp_streams_active"
CONNECTIONS: Final = "scp_connections"
WINDOW_BYTES: Final = "scp_window_bytes"
EVENTS_DELIVERED: Final = "scp_events_delivered_total"
ITEMS_DELIVERED: Final = "scp_items_delivered_total"
PROVIDER_CALLS: Final = "scp_provider_calls_total"
SET_ASIDE: Final = "scp_items_set_aside_total"
QUOTA_WAITS: Final = "scp_quota_wait_seconds_total"
QUOTA_BELIEVED: Final = "scp_quota_believed_units"
REFRESHES: Final = "scp_token_refreshes_total"
ERRORS: Final = "scp_errors_total"
SUSPICIONS: Final = "scp_suspicions_total"
SOCKETS: Final = "scp_sockets"
TURNED_AWAY: Final = "scp_turned_away_total"
LOOP_LAG: Final = "scp_event_loop_lag_seconds"
LOOP_LAG_MAX: Final = "scp_event_loop_lag_max_seconds"


class Metrics:
    """Counts in a registry of their own. See the port `Meter`."""

    __slots__ = (
        "_calls",
        "_connections",
        "_errors",
        "_events",
        "_items",
        "_lag",
        "_lag_max",
        "_lag_most",
        "_quota_believed",
        "_quota_waits",
        "_refreshes",
        "_registry",
        "_set_aside",
        "_sockets",
        "_streams",
        "_suspicions",
        "_turned_away",
        "_window",
    )

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry(auto_describe=True)
        self._streams = Gauge(STREAMS_ACTIVE, "Streams that run now.", registry=registry)
        self._connections = Gauge(CONNECTIONS, "Consumers connected now.", registry=registry)
        self._window = Gauge(WINDOW_BYTES, "Bytes of encoded events held now.", registry=registry)
        self._events = Counter(EVENTS_DELIVERED, "Events written to consumers.", registry=registry)
        self._items = Counter(ITEMS_DELIVERED, "Items in those events.", registry=registry)
        self._calls = Counter(
            PROVIDER_CALLS,
            "Calls to providers, by the provider's name of the method.",
            ("provider", "method", "outcome"),
            registry=registry,
        )
        self._set_aside = Counter(
            SET_ASIDE,
            "Items that could not be read; `fault` counts errors in this server's own code.",
            ("provider", "stream_type", "cause"),
            registry=registry,
        )
        self._quota_waits = Counter(
            QUOTA_WAITS,
            "Seconds that calls waited for the provider's quota.",
            ("provider", "service"),
            registry=registry,
        )
        self._quota_believed = Gauge(
            QUOTA_BELIEVED,
            "Units in a window that the most limited account is believed to have.",
            ("provider", "service"),
            registry=registry,
        )
        self._refreshes = Counter(
            REFRESHES, "Refreshes of access tokens.", ("provider", "outcome"), registry=registry
        )
        self._suspicions = Counter(
            SUSPICIONS, "Bursts of refusals, by what was refused.", ("what",), registry=registry
        )
        self._errors = Counter(ERRORS, "Errors answered, by code.", ("code",), registry=registry)
        self._listen(registry)

    def _listen(self, registry: CollectorRegistry) -> None:
        self._sockets = Gauge(SOCKETS, "Sockets of clients open now.", registry=registry)
        self._turned_away = Counter(
            TURNED_AWAY,
            "Connections refused before there was a request.",
            ("reason",),
            registry=registry,
        )
        self._lag_most = 0.0
        self._lag = Gauge(LOOP_LAG, "How late the event loop was last.", registry=registry)
        self._lag_max = Gauge(LOOP_LAG_MAX, "How late it ever was.", registry=registry)

    def text(self) -> bytes:
        """All of them in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)

    def streams_active(self, count: int) -> None:
        """How many streams run now."""
        self._streams.set(count)

    def connections(self, count: int) -> None:
        """How many consumers are connected now."""
        self._connections.set(count)

    def window_bytes(self, count: int) -> None:
        """How many bytes of encoded events all windows hold now."""
        self._window.set(count)

    def delivered(self, *, events: int, items: int) -> None:
        """Events, and the items in them, were written to a consumer."""
        self._events.inc(events)
        self._items.inc(items)

    def provider_call(self, provider: Provider, method: str, outcome: str) -> None:
        """A call was answered."""
        self._calls.labels(provider.value, method, outcome).inc()

    def set_aside(self, provider: Provider, stream_type: StreamType, cause: SetAsideFor) -> None:
        """An item was left out of a stream."""
        self._set_aside.labels(provider.value, stream_type.value, cause).inc()

    def quota_waited(self, provider: Provider, service: str, seconds: float) -> None:
        """Calls of a service waited for its quota."""
        self._quota_waits.labels(provider.value, service).inc(seconds)

    def quota_believed(self, provider: Provider, service: str, units: int) -> None:
        """What is believed of the most limited account."""
        self._quota_believed.labels(provider.value, service).set(units)

    def refreshed(self, provider: Provider, outcome: str) -> None:
        """A token was refreshed, or not."""
        self._refreshes.labels(provider.value, outcome).inc()

    def failed(self, code: ErrorCode) -> None:
        """An error was answered."""
        self._errors.labels(code.value).inc()

    def suspected(self, what: str) -> None:
        """Refusals came in a burst."""
        self._suspicions.labels(what).inc()

    def sockets(self, count: int) -> None:
        """How many sockets of clients are open now."""
        self._sockets.set(count)

    def turned_away(self, reason: str) -> None:
        """A connection was refused before there was a request."""
        self._turned_away.labels(reason).inc()

    def loop_lag(self, seconds: float) -> None:
        """The event loop came so late to something that was due."""
        self._lag_most = max(self._lag_most, seconds)
        self._lag.set(seconds)
        self._lag_max.set(self._lag_most)
