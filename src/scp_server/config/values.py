"""Settings as the plain values that the core is made with."""

from pathlib import Path
from typing import Final

from scp_server.access.limits import LimitValues
from scp_server.config.settings import Settings
from scp_server.domain.suspicion import AlarmValues, Refused
from scp_server.engine.shares import ShareLimits
from scp_server.engine.supervisor import EngineValues
from scp_server.listening.door import Bounds

SECONDS_A_DAY: Final = 86_400.0


def engine_values(settings: Settings) -> EngineValues:
    """What the engine is set to."""
    return EngineValues(
        share=ShareLimits(events=settings.window.events, size=settings.window.bytes),
        window_bytes=settings.window.total_bytes,
        seat_seconds=settings.window.seat_seconds,
        session_seconds=settings.session_days * SECONDS_A_DAY,
    )


def limit_values(settings: Settings) -> LimitValues:
    """The sizes of our own limits."""
    limits = settings.limits
    return LimitValues(
        connections_per_session=limits.connections_per_session,
        connection_window_seconds=limits.connection_window_seconds,
        stream_events_per_minute=limits.stream_events_per_minute,
        data_requests_per_minute=limits.data_requests_per_minute,
        subscriptions_per_minute=limits.subscriptions_per_minute,
        starts_per_minute=limits.starts_per_minute,
        max_rate_limit_per_minute=limits.max_rate_limit_per_minute,
    )


def alarm_values(settings: Settings) -> AlarmValues:
    """What of refusals is suspicious."""
    alarms = settings.alarms
    return AlarmValues(
        window=alarms.window_seconds,
        most={
            Refused.CREDENTIALS: alarms.credentials,
            Refused.IDS: alarms.ids,
            Refused.LIMITS: alarms.limits,
            Refused.ANSWERS: alarms.answers,
            Refused.TICKETS: alarms.tickets,
        },
    )


def door_bounds(settings: Settings, sockets: int) -> Bounds:
    """Who may have a socket, of so many."""
    return Bounds(
        sockets=sockets,
        per_address=settings.limits.sockets_per_address,
        proxies=settings.trusted_proxies,
    )


def tls_files(settings: Settings) -> tuple[Path, Path] | None:
    """Certificate and key, where TLS is spoken."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return settings.tls_cert, settings.tls_key


def secure_only(settings: Settings) -> bool:
    """Whether a proxy does TLS for us: what did not come by it is not answered."""
    behind = bool(settings.trusted_proxies) and settings.tls_cert is None
    return behind and settings.public_url.startswith("https:")
