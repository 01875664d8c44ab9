"""The public surface: names, shapes, and what it needs to be imported."""

import subprocess
import sys
from typing import Any, get_type_hints

import msgspec
import pytest

import scp_sdk
from scp_sdk import answers, errors
from scp_wire import rest
from scp_wire.codes import ErrorCode

SERVER_ONLY = ("starlette", "sqlalchemy", "uvicorn", "cryptography", "jinja2", "click", "structlog")

PUBLIC = """
AsyncItemStream AsyncSCPClient ConnectionFailed CursorInvalid Event Forbidden InsufficientScope
InvalidRequest ItemStream NotFound OpenedSession Patience ProtocolError ProviderError
ProviderRateLimited ProviderState ProviderUnavailable RateLimited ReadingOptions RequestError
SCPClient SCPError ServerFault ServerUnavailable SessionEnded SessionError SessionNotFound
SessionPending SessionRequired SessionState StreamAlreadyActive StreamConfigError StreamError
StreamInterrupted StreamItem StreamList StreamNotFound StreamOptions StreamRateLimited StreamStatus
StreamStopped StreamSummary TokenExpired WireName
"""


def test_the_public_names_are_these() -> None:
    assert sorted(scp_sdk.__all__) == PUBLIC.split()
    assert all(hasattr(scp_sdk, name) for name in scp_sdk.__all__)


def test_every_code_of_the_wire_has_a_class() -> None:
    assert set(errors.KIND_OF) == set(ErrorCode)


def test_every_error_is_drawn_in_the_tree_and_public() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, scp_sdk.SCPError)
    }
    for kind in kinds:
        assert f" {kind.__name__} " in f"{errors.__doc__}".replace("\n", " \n")
        assert kind.__name__ in scp_sdk.__all__


@pytest.mark.parametrize(
    ("answer", "struct"),
    [
        (answers.StreamConfiguration, rest.FullConfiguration),
        (answers.StreamStatus, rest.StreamStatus),
        (answers.StreamStopped, rest.StreamStopped),
        (answers.StreamSummary, rest.StreamSummary),
        (answers.WebsocketStatistics, rest.WebsocketStatistics),
        (answers.StreamList, rest.StreamList),
        (answers.SessionState, rest.SessionState),
        (answers.SessionEnded, rest.SessionEnded),
        (answers.ProviderState, rest.ProviderState),
        (answers.ProviderList, rest.ProviderList),
    ],
)
def test_answers_have_the_keys_of_the_wire(answer: type[Any], struct: type[msgspec.Struct]) -> None:
    assert set(get_type_hints(answer)) == {
        field.encode_name for field in msgspec.structs.fields(struct)
    }


def test_the_options_of_a_stream_are_the_wires() -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(rest.StartStream)}
    assert set(get_type_hints(scp_sdk.StreamOptions)) == fields - {"session_id", "stream_type"}


@pytest.mark.parametrize("package", ["scp_wire", "scp_sdk", "scp_sdk.sandbox_consent"])
def test_it_imports_without_anything_of_the_server(package: str) -> None:
    program = (
        f"import sys, {package}\n"
        f"bad = [m for m in sys.modules if m.split('.')[0] in {(*SERVER_ONLY, 'scp_server')!r}]\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr.decode()
