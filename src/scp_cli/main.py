"""`securecontext`: the command line."""

import sys
from importlib.metadata import version

import click

from scp_cli.demo import demo
from scp_cli.sandbox import sandbox
from scp_cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("scp-streaming"), prog_name="securecontext")
def commands() -> None:
    """SCP streaming: a user consents once, an agent streams what is there and what changes."""


commands.add_command(serve)
commands.add_command(sandbox)
commands.add_command(demo)


def main() -> None:
    """Run the command line; a refusal to start is one clear line, not a stack."""
    sys.exit(commands.main(standalone_mode=True))
