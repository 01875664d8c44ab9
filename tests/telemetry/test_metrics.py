"""Metrics, as a scraper reads them."""

from prometheus_client.parser import text_string_to_metric_families

from scp_server.telemetry import metrics
from scp_server.telemetry.metrics import Metrics
from scp_wire.codes import ErrorCode
from scp_wire.stream_types import Provider, StreamType


def read(text: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


REFUSED = "PROVIDER_RATE_LIMITED"


def test_what_is_counted_is_read_under_its_name() -> None:
    meter = Metrics()
    meter.streams_active(3)
    meter.connections(2)
    meter.window_bytes(1024)
    meter.delivered(events=1, items=100)
    meter.delivered(events=2, items=2)
    meter.provider_call(Provider.GOOGLE, "gmail.messages.get", "ok")
    meter.provider_call(Provider.GOOGLE, "gmail.messages.get", "ok")
    meter.provider_call(Provider.GOOGLE, "gmail.messages.list", REFUSED)
    meter.set_aside(Provider.GOOGLE, StreamType.FILES, "fault")
    meter.quota_waited(Provider.GOOGLE, "gmail", 2.5)
    meter.quota_waited(Provider.GOOGLE, "gmail", 1.0)
    meter.quota_believed(Provider.MICROSOFT, "outlook", 9_900)
    meter.refreshed(Provider.GOOGLE, "ok")
    meter.failed(ErrorCode.STREAM_NOT_FOUND)
    meter.sockets(4)
    meter.turned_away("head_too_large")
    for lag in (0.25, 2.5, 0.5):
        meter.loop_lag(lag)
    assert read(meter.text()) == {
        (metrics.STREAMS_ACTIVE, ()): 3,
        (metrics.CONNECTIONS, ()): 2,
        (metrics.WINDOW_BYTES, ()): 1024,
        (metrics.EVENTS_DELIVERED, ()): 3,
        (metrics.ITEMS_DELIVERED, ()): 102,
        (metrics.PROVIDER_CALLS, ("gmail.messages.get", "ok", "google")): 2,
        (metrics.PROVIDER_CALLS, ("gmail.messages.list", REFUSED, "google")): 1,
        (metrics.SET_ASIDE, ("fault", "google", "files")): 1,
        (metrics.QUOTA_WAITS, ("google", "gmail")): 3.5,
        (metrics.QUOTA_BELIEVED, ("microsoft", "outlook")): 9_900,
        (metrics.REFRESHES, ("ok", "google")): 1,
        (metrics.ERRORS, ("STREAM_NOT_FOUND",)): 1,
        (metrics.SOCKETS, ()): 4,
        (metrics.TURNED_AWAY, ("head_too_large",)): 1,
        (metrics.LOOP_LAG, ()): 0.5,
        (metrics.LOOP_LAG_MAX, ()): 2.5,
    }


def test_two_servers_in_a_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.streams_active(5)
    assert read(other.text())[metrics.STREAMS_ACTIVE, ()] == 0
