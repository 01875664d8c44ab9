"""Logs: everything anybody logs in this process goes through one pipeline, one line a record."""

import logging
import sys
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from types import MappingProxyType, TracebackType
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import Processor

from scp_server.telemetry.raised import render_raised
from scp_server.telemetry.redaction import redact_fields, told

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "json"]

HELD: Final[Mapping[str, int]] = MappingProxyType(
    {
        "aiohttp.access": logging.WARNING,
        "aiosqlite": logging.WARNING,
        "engineio": logging.WARNING,
        "httpcore": logging.WARNING,
        "httpx": logging.WARNING,
        "hpack": logging.WARNING,
        "socketio": logging.WARNING,
        "sqlalchemy": logging.WARNING,
        "urllib3": logging.WARNING,
        "uvicorn": logging.INFO,  # its WebSocket protocols log frames to its own logger
        "uvicorn.access": logging.WARNING,
        "websockets": logging.WARNING,
    }
)
"""Below that they print packets, frames, parameters of statements, or addresses with queries."""

_REPLACED_LOGGERS: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "aiohttp.access")
"""They may have been given handlers of their own, past the pipeline."""

_log: Final = logging.getLogger(__name__)


@contextmanager
def logging_to(
    stream: TextIO | None = None, *, level: Level = "info", style: Format | None = None
) -> Iterator[None]:
    """Log to a stream (stderr) from here on, until the context is left.

    `style` None means lines for people on a terminal, else JSON. Exceptions that nobody catches
    are logged in the same manner instead of being printed.
    """
    out = stream or sys.stderr
    handler = _Handler(out)
    handler.setFormatter(_formatter(style or ("console" if out.isatty() else "json"), out))
    handler.addFilter(_held)
    handler.addFilter(_tamed)
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _REPLACED_LOGGERS:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            _arguments_tamed,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_described(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    logging.captureWarnings(capture=True)
    try:
        with _crashes_logged():
            yield
    finally:
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
        root.handlers[:] = before[1]
        root.setLevel(before[0])


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Say that a record was lost; the default prints its arguments."""
        exc = sys.exc_info()[1]
        kind = type(exc).__name__ if exc else "error"
        # Where the disk is full, this cannot be said either; the server goes on.
        with suppress(OSError):
            if not isinstance(exc, BrokenPipeError):
                print(f"A log record of {record.name} was lost: {kind}", file=sys.stderr)  # noqa: T201


def _described() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(style: Format, out: TextIO) -> logging.Formatter:
    renderer: Processor
    if style == "json":
        renderer = structlog.processors.JSONRenderer(sort_keys=True)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=0)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_described(), structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            render_raised,
            redact_fields,
            renderer,
        ],
    )


def _held(record: logging.LogRecord) -> bool:
    # In the handler, not on the loggers: some of them set their own levels later.
    return all(
        record.levelno >= level
        for name, level in HELD.items()
        if record.name == name or record.name.startswith(f"{name}.")
    )


def _tamed(record: logging.LogRecord) -> bool:
    """Exceptions among a message's arguments are named, not quoted."""
    if isinstance(record.args, tuple):
        record.args = tuple(_named(each) for each in record.args)
    elif isinstance(record.args, dict):
        record.args = {name: _named(each) for name, each in record.args.items()}
    return True


def _arguments_tamed(
    _logger: object, _method: str, record: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Do the same for records of structlog's own loggers."""
    if "positional_args" in record:
        record["positional_args"] = tuple(map(_named, record["positional_args"]))
    return record


def _named(value: object) -> object:
    return told(value) if isinstance(value, BaseException) else value


@contextmanager
def _crashes_logged() -> Iterator[None]:
    before = sys.excepthook, threading.excepthook

    def crashed(kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            before[0](kind, exc, trace)
        else:
            _log.critical("The program crashed", exc_info=exc)

    def thread_crashed(args: threading.ExceptHookArgs) -> None:
        _log.critical("A thread crashed", exc_info=args.exc_value)

    sys.excepthook, threading.excepthook = crashed, thread_crashed
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = before
