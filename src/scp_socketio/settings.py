"""Settings of a server: a frozen value, checked when it is made."""

from dataclasses import dataclass

TRANSPORTS = ("polling", "websocket")
_LEAST = (
    ("max_message", 1),
    ("max_depth", 1),
    ("max_payload_packets", 1),
    ("max_handlers", 1),
    ("message_rate", 0),
    ("message_burst", 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a server does with time, size and strangers. Seconds and bytes.

    ``ping_interval`` and ``ping_timeout`` are announced in whole milliseconds, at least one.
    ``connect_timeout``: how long a connection may be without any namespace.
    ``max_message``: bytes of one frame or of one POST that a client may send (``maxPayload``).
    ``max_depth``: how deep arrays and objects may nest in what a client sends.
    ``max_payload_packets``: packets in one POST; honest clients put into one whatever they were
    given to send meanwhile, as far as ``max_message`` goes.
    ``max_handlers``: handlers of one connection that may run at once; beyond, nothing more is read
    from it until one ends.
    ``message_rate``: messages a second that a client may send for long, ``message_burst`` at once;
    beyond, nothing more is read from it until the next one may come. A rate of 0 bounds nothing.
    ``max_backlog``: bytes that may wait for a client that does not read; beyond, it is dropped.
    ``high_water`` and ``low_water`` bound the hysteresis of ``Client.drain`` and ``on_writable``.
    ``origins``: browser origins ("https://app.example") that may connect besides the host that was
    asked; None lets any. ``same_host`` False: besides none. ``secure_only``: what came in the clear
    is refused, unless it came from this machine itself. ``headers`` are added to every HTTP answer.

    Raises:
        ValueError: a value out of its range.
    """

    path: str = "/socket.io/"
    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    connect_timeout: float = 45.0
    upgrade_timeout: float = 10.0
    max_message: int = 65_536
    max_depth: int = 16
    max_payload_packets: int = 1000
    max_handlers: int = 16
    message_rate: float = 0.0
    message_burst: int = 20
    max_backlog: int = 2 * 1024 * 1024
    high_water: int = 64 * 1024
    low_water: int = 16 * 1024
    binary: bool = False
    transports: tuple[str, ...] = TRANSPORTS
    origins: frozenset[str] | None = None
    same_host: bool = True
    secure_only: bool = False
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __post_init__(self) -> None:
        if not (self.path.startswith("/") and self.path.endswith("/")):
            raise ValueError("path must begin and end with '/'")
        if not self.transports or set(self.transports) - set(TRANSPORTS):
            raise ValueError(f"transports must be some of {', '.join(TRANSPORTS)}")
        for name in ("ping_interval", "ping_timeout", "connect_timeout", "upgrade_timeout"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0 seconds")
        for name, least in _LEAST:
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be at least {least}")
        if not 0 < self.low_water <= self.high_water <= self.max_backlog:
            raise ValueError("0 < low_water <= high_water <= max_backlog must hold")
