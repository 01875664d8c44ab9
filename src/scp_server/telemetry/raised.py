"""Exceptions in a log: what kind, and where; never what a foreign message says."""

import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import PurePath
from types import TracebackType
from typing import Any, Final

from scp_server.telemetry.redaction import told

MOST_FRAMES: Final = 30
MOST_EXCEPTIONS: Final = 10
"""Of a chain or group."""


def render_raised(
    _logger: object, _method: str, record: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    """Turn `exc_info` into the field `raised`: a structlog processor."""
    exc_info = record.pop("exc_info", None)
    record.pop("stack_info", None)
    match exc_info:
        case BaseException() as exc:
            record["raised"] = story(exc)
        case (_, BaseException() as exc, _):
            record["raised"] = story(exc)
        case True if (current := sys.exception()) is not None:
            record["raised"] = story(current)
        case _:
            pass
    return record


def story(exc: BaseException) -> str:
    """An exception, what caused it, and the frames each came through: one line."""
    parts = []
    for number, each in enumerate(_chain(exc)):
        if number == MOST_EXCEPTIONS:
            parts.append("…")
            break
        parts.append(f"{told(each)} at {_frames(each.__traceback__)}")
    return " <- ".join(parts)


def _chain(exc: BaseException) -> Iterator[BaseException]:
    waiting, seen = [exc], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(each.exceptions)
        cause = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
        if cause is not None:
            waiting.append(cause)


def _frames(trace: TracebackType | None) -> str:
    # Names of files, lines and functions only: lines of code and locals may hold anything.
    frames = [
        f"{_module(frame.f_code.co_filename)}:{line}:{frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(trace)
    ]
    return " > ".join(frames[-MOST_FRAMES:]) or "(nowhere)"


def _module(path: str) -> str:
    return "/".join(PurePath(path).parts[-2:])
