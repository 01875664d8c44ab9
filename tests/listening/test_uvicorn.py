"""What `listening.http` relies on of uvicorn's class, so that an upgrade that moves it is noticed.

The other tests of this folder say what has to come of it.
"""

import inspect

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from scp_server.listening.http import BoundedHttp

OVERRIDDEN = {
    "connection_made": ["transport"],
    "connection_lost": ["exc"],
    "data_received": ["data"],
    "on_message_begin": [],
    "on_header": ["name", "value"],
    "on_headers_complete": [],
    "on_message_complete": [],
    "handle_websocket_upgrade": [],
    "send_400_response": ["msg"],
    "on_response_complete": [],
    "timeout_keep_alive_handler": [],
}
CALLED: dict[str, list[str]] = {"_should_upgrade": [], "_unset_keepalive_if_required": []}
KEPT = [
    *["client", "cycle", "flow", "headers", "loop", "parser", "pipeline", "scheme", "scope"],
    *["server_state", "timeout_keep_alive", "transport", "url"],
]
OF_A_CYCLE = ["disconnected", "keep_alive", "message_event", "response_complete"]


@pytest.mark.parametrize(("name", "parameters"), [*OVERRIDDEN.items(), *CALLED.items()])
def test_a_method_we_override_or_call_is_there_and_takes_the_same(
    name: str, parameters: list[str]
) -> None:
    found = [*inspect.signature(getattr(HttpToolsProtocol, name)).parameters]
    assert found == ["self", *parameters]


def test_we_override_nothing_else_of_it() -> None:
    mine = {name for name in vars(BoundedHttp) if name in dir(HttpToolsProtocol)}
    assert mine - {"__annotations__", "__doc__", "__module__"} == set(OVERRIDDEN)


def test_what_it_keeps_is_called_as_we_call_it() -> None:
    source = inspect.getsource(HttpToolsProtocol)
    for name in KEPT:
        assert f"self.{name}" in source, name
    for name in (*OF_A_CYCLE, "response_started"):
        assert f"self.{name}" in inspect.getsource(RequestResponseCycle), name


def test_its_constructor_takes_what_ours_hands_on() -> None:
    parameters = inspect.signature(HttpToolsProtocol.__init__).parameters
    assert [*parameters] == ["self", "config", "server_state", "app_state", "_loop"]
