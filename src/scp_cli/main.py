"""`securecontext`: the command line. A command's module is loaded when it is asked for."""

import importlib
import sys
from collections.abc import Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import Final

import click

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "serve": "scp_cli.serve",
        "sandbox": "scp_cli.sandbox",
        "demo": "scp_cli.demo",
        "keys": "scp_cli.keys",
        "agents": "scp_cli.agents",
        "audit": "scp_cli.audit",
    }
)
"""Each command, and the module whose attribute of the same name it is."""


class Commands(click.Group):
    """Loads its commands late: the sandbox needs nothing of the server, nor the other way round."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("scp-streaming"), prog_name="securecontext")
def commands() -> None:
    """SCP streaming: a user consents once, an agent streams what is there and what changes."""


def main() -> None:
    """Run the command line; a refusal to start is one clear line, not a stack."""
    sys.exit(commands.main(standalone_mode=True))
