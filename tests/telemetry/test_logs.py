"""The pipeline: one line a record, from whichever logger, with nothing in it that is secret."""

import io
import json
import logging
import sys
import threading
import warnings
from typing import Any

import pytest
import structlog

from scp_server.domain.errors import ProviderUnavailable
from scp_server.telemetry.logs import HELD, Format, Level, logging_to

SESSION = "session-CANARYabcdefghijklmnopqrstuvwxyz0123456789_-"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def records(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def fail(message: str) -> None:
    secret_local = message
    raise ValueError(secret_local)


def test_a_record_of_a_standard_logger_is_one_json_line_with_its_fields() -> None:
    out = io.StringIO()
    with logging_to(out):
        logging.getLogger("some.part").info("read %d items", 3, extra={"stream": "x"})
    (record,) = records(out)
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "event": "read 3 items",
        "level": "info",
        "logger": "some.part",
        "stream": "x",
    }


def test_a_record_of_structlog_goes_the_same_way() -> None:
    out = io.StringIO()
    with logging_to(out):
        structlog.get_logger("some.part").warning("read %d items", 3, stream="x")
    (record,) = records(out)
    assert (record["event"], record["level"], record["stream"]) == ("read 3 items", "warning", "x")


def test_a_terminal_gets_lines_for_people_and_a_file_gets_json() -> None:
    terminal, file = Terminal(), io.StringIO()
    for out in (terminal, file):
        with logging_to(out):
            logging.getLogger("x").info("hello")
    assert "hello" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    assert records(file)[0]["event"] == "hello"


@pytest.mark.parametrize("style", ["json", "console"])
def test_line_ends_and_escapes_in_a_message_stay_on_its_line(style: Format) -> None:
    out = io.StringIO()
    with logging_to(out, style=style):
        logging.getLogger("x").info("a\nb\r\x1b[31m%s", "c\n{}")
    assert len(out.getvalue().splitlines()) == 1
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_secret_is_taken_out_wherever_it_stands(style: Format) -> None:
    out = io.StringIO()
    with logging_to(out, level="debug", style=style):
        log = logging.getLogger("a.server")
        log.info('"WebSocket /socket.io/?session_id=CANARY" [accepted]')
        log.info("%s", SESSION)
        log.info("x", extra={"headers": {"authorization": "Bearer CANARY"}, "url": f"/?{SESSION}"})
        log.info("%(a)s", {"a": SESSION})
        structlog.get_logger("y").info("x", key=SESSION, deep=[{"t": "ya29.CANARY"}])
        logging.getLogger(SESSION).info("x")
    assert "CANARY" not in out.getvalue()
    assert len(out.getvalue().splitlines()) == 6


def test_an_exception_is_told_by_kind_and_place_without_its_message() -> None:
    out = io.StringIO()
    with logging_to(out):
        try:
            fail("CANARY")
        except ValueError:
            logging.getLogger("x").exception("failed")
    (record,) = records(out)
    assert record["raised"].startswith("ValueError at telemetry/test_logs.py:")
    assert record["raised"].endswith(":fail")
    assert "CANARY" not in out.getvalue()


def test_our_own_exception_keeps_its_message_and_its_foreign_cause_loses_it() -> None:
    out = io.StringIO()
    with logging_to(out):
        try:
            try:
                fail("CANARY")
            except ValueError as exc:
                raise ProviderUnavailable("The provider answered 503.") from exc
        except ProviderUnavailable:
            structlog.get_logger("x").exception("failed")
    (record,) = records(out)
    assert record["raised"].startswith("ProviderUnavailable: The provider answered 503. at ")
    assert " <- ValueError at " in record["raised"]
    assert "CANARY" not in out.getvalue()


def test_groups_and_circles_of_exceptions_are_told_once_each() -> None:
    out = io.StringIO()
    inner = ValueError("CANARY")
    inner.__context__ = outer = ExceptionGroup("CANARY", [inner, KeyError("CANARY")])
    with logging_to(out):
        logging.getLogger("x").error("failed", exc_info=outer)
    (record,) = records(out)
    assert record["raised"].count(" at ") == 3
    assert "CANARY" not in out.getvalue()


def test_an_exception_as_an_argument_is_named_and_not_quoted() -> None:
    out = io.StringIO()
    exc = ValueError("CANARY")
    with logging_to(out):
        logging.getLogger("x").info("first: %s", exc)
        logging.getLogger("x").info("second: %(exc)s", {"exc": exc})
        structlog.get_logger("x").info("third: %s", exc)
    assert [record["event"] for record in records(out)] == [
        "first: ValueError",
        "second: ValueError",
        "third: ValueError",
    ]


@pytest.mark.parametrize(("name", "level"), HELD.items())
def test_loggers_that_print_content_are_held_even_where_they_set_their_own_level(
    name: str, level: int
) -> None:
    out = io.StringIO()
    child = logging.getLogger(f"{name}.child")
    child.setLevel(logging.DEBUG)
    try:
        with logging_to(out, level="debug"):
            for logger in (child, logging.getLogger(name)):
                logger.log(level - 10, "CANARY")
            child.log(level, "seen")
    finally:
        child.setLevel(logging.NOTSET)
    assert [record["event"] for record in records(out)] == ["seen"]


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_is_the_least_that_is_logged(level: Level, seen: list[str]) -> None:
    out = io.StringIO()
    with logging_to(out, level=level):
        for each in ("debug", "info", "warning", "error"):
            getattr(logging.getLogger("x"), each)(each)
    assert [record["event"] for record in records(out)] == seen


def test_handlers_that_a_library_brought_do_not_print_past_the_pipeline() -> None:
    past, out = io.StringIO(), io.StringIO()
    logger = logging.getLogger("uvicorn.access")
    logger.addHandler(logging.StreamHandler(past))
    logger.propagate = False
    with logging_to(out):
        logger.warning("seen")
    assert past.getvalue() == ""
    assert records(out)[0]["event"] == "seen"


def test_a_record_that_cannot_be_rendered_is_reported_without_its_arguments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = io.StringIO()
    with logging_to(out):
        logging.getLogger("x").info("%d", "CANARY")
    assert out.getvalue() == ""
    assert capsys.readouterr().err == "A log record of x was lost: TypeError\n"


def test_warnings_are_logged() -> None:
    out = io.StringIO()
    with logging_to(out), warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("an old way", stacklevel=1)
    (record,) = records(out)
    assert record["logger"] == "py.warnings"
    assert "an old way" in record["event"]


def test_a_crash_is_logged_without_its_message() -> None:
    out = io.StringIO()
    with logging_to(out):
        exc = ValueError("CANARY")
        sys.excepthook(ValueError, exc, None)
        threading.excepthook(threading.ExceptHookArgs((ValueError, exc, None, None)))
    first, second = records(out)
    assert (first["event"], first["level"]) == ("The program crashed", "critical")
    assert second["event"] == "A thread crashed"
    assert "CANARY" not in out.getvalue()


def test_leaving_the_context_puts_everything_back() -> None:
    root = logging.getLogger()
    before = root.level, root.handlers[:], sys.excepthook, threading.excepthook
    with logging_to(io.StringIO(), level="debug"):
        assert root.handlers != before[1]
    assert (root.level, root.handlers[:], sys.excepthook, threading.excepthook) == before
    assert not structlog.is_configured()
