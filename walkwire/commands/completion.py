"""`walkwire completion`: the scripts of click that complete commands and options in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options in a shell.

    \b
    bash:  eval "$(walkwire completion bash)"   in ~/.bashrc
    zsh:   eval "$(walkwire completion zsh)"    in ~/.zshrc, after compinit
    fish:  walkwire completion fish > ~/.config/fish/completions/walkwire.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "walkwire", "_WALKWIRE_COMPLETE")
    click.echo(script.source(), nl=False)
