"""The settings of the sandbox that runs beside the server."""

from scp_cli.beside import beside
from scp_server.config import load


def test_the_sandbox_beside_the_server_is_as_large_as_the_settings_say() -> None:
    sizes = {"MESSAGES": "11", "EVENTS": "12", "CONTACTS": "13", "FILES": "14"}
    there = beside(load({f"SCP_SANDBOX_{name}": value for name, value in sizes.items()}))
    for sock in there.sockets:
        sock.close()
    world = there.sandbox
    assert (world.messages, world.events, world.contacts, world.files) == (11, 12, 13, 14)
