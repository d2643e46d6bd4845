"""Group: a group of commands, which turns the errors of any of them into one sentence and an exit code."""

from __future__ import annotations

from typing import Any

import click

from walkwire.errors import StartError

WRONG = 1  # the command worked, and what it found or asked for is not well
NOT_STARTED = 2  # the command could not do its work, or was typed wrongly


class Commands(click.Group):
    """A group of commands. A StartError of a command is printed on stderr, and the exit code is 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order in which they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that the arguments name."""
        try:
            return super().invoke(ctx)
        except StartError as error:
            click.echo(str(error), err=True)
            ctx.exit(NOT_STARTED)
