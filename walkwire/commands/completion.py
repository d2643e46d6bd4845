"""`walkwire completion`: scripts that complete commands and options in a shell. They start no Python, so Tab answers at once."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import NamedTuple

import click


class _Entry(NamedTuple):
    """A command with its path ("users list"; "" for the program), its sub-commands and its options, each with its help."""

    path: str
    commands: dict[str, str]
    options: dict[str, str]


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
    root = ctx.find_root()
    click.echo(_SCRIPTS[shell](list(_entries(root.command, root, ""))), nl=False)


def _entries(command: click.Command, ctx: click.Context, path: str) -> Iterator[_Entry]:
    inner = command.commands if isinstance(command, click.Group) else {}
    options = {
        name: one.help or ""
        for one in command.get_params(ctx)
        if isinstance(one, click.Option) and not one.hidden
        for name in one.opts
        if name.startswith("--")
    }
    yield _Entry(path, {name: one.get_short_help_str(80) for name, one in inner.items()}, options)
    for name, one in inner.items():
        yield from _entries(one, ctx, f"{path} {name}".strip())


def _bash(entries: list[_Entry]) -> str:
    cases = "".join(
        f"    {shlex.quote(one.path)}) commands={shlex.quote(' '.join(one.commands))}"
        f" options={shlex.quote(' '.join(one.options))} ;;\n"
        for one in entries
    )
    return f"""_walkwire() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} path="" word commands="" options=""
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$path${{path:+ }}$word" in
    {_paths(entries)}) path="$path${{path:+ }}$word" ;;
    esac
  done
  case "$path" in
{cases}  esac
  [[ $current == -* ]] && commands=$options
  COMPREPLY=($(compgen -W "$commands" -- "$current"))
}}
complete -o default -F _walkwire walkwire
"""


def _zsh(entries: list[_Entry]) -> str:
    def pairs(texts: dict[str, str]) -> str:
        return " ".join(shlex.quote(f"{name}:{text.replace(':', ' ')}") for name, text in texts.items())

    cases = "".join(
        f"    {shlex.quote(one.path)}) commands=({pairs(one.commands)}) options=({pairs(one.options)}) ;;\n"
        for one in entries
    )
    return f"""_walkwire() {{
  local place="" word
  local -a commands options
  for word in ${{words[2,CURRENT-1]}}; do
    case "$place${{place:+ }}$word" in
    {_paths(entries)}) place="$place${{place:+ }}$word" ;;
    esac
  done
  case "$place" in
{cases}  esac
  if [[ $words[CURRENT] == -* ]]; then
    _describe -o option options
  elif (( $#commands )); then
    _describe command commands
  else
    _files
  fi
}}
compdef _walkwire walkwire
"""


def _fish(entries: list[_Entry]) -> str:
    lines = []
    for entry in entries:
        words = entry.path.split()
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in words)
        if entry.commands:
            inner = " ".join(entry.commands)
            rest = f"not __fish_seen_subcommand_from {inner}"
            where = f"{seen}; and {rest}" if seen else "__fish_use_subcommand"
            lines += [
                f"complete -c walkwire -f -n {shlex.quote(where)} -a {name} -d {shlex.quote(text)}"
                for name, text in entry.commands.items()
            ]
        lines += [
            f"complete -c walkwire -n {shlex.quote(seen or '__fish_use_subcommand')} -l {name[2:]} -d {shlex.quote(text)}"
            for name, text in entry.options.items()
        ]
    return "\n".join(lines) + "\n"


def _paths(entries: list[_Entry]) -> str:
    return " | ".join(shlex.quote(one.path) for one in entries if one.path)


_SCRIPTS: dict[str, Callable[[list[_Entry]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
