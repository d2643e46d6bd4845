"""Command line: puts the commands of `walkwire` together. Each imports what it needs when it runs, so `--version` is quick."""

from __future__ import annotations

import click

from walkwire import terminal
from walkwire.commands.client.call import call
from walkwire.commands.client.listen import listen
from walkwire.commands.client.load import load
from walkwire.commands.completion import completion
from walkwire.commands.group import Commands
from walkwire.commands.operation.doctor import doctor
from walkwire.commands.operation.graph import graph
from walkwire.commands.operation.keys import keys
from walkwire.commands.operation.migrate import migrate
from walkwire.commands.operation.users import users
from walkwire.commands.programs.check import check
from walkwire.commands.programs.dev import dev
from walkwire.commands.programs.new import new
from walkwire.commands.programs.run import run
from walkwire.commands.programs.serve import serve
from walkwire.commands.programs.test import run_test_blocks
from walkwire.commands.programs.types import types


@click.group(cls=Commands, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 110})
@click.version_option(package_name="walkwire", message="walkwire %(version)s")
def app() -> None:
    """Serve programs that walk a persistent graph, over REST and one WebSocket."""


for _command in (
    *(serve, dev, run, check, run_test_blocks, types, new),
    *(migrate, doctor, users, keys, graph),
    *(call, listen, load),
    completion,
):
    app.add_command(_command)


def main() -> None:
    """Run the command that the arguments name."""
    app(color=False if terminal.is_colourless() else None)
