"""`walkwire users`: the accounts in a database."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from walkwire.commands import options
from walkwire.commands.group import Commands
from walkwire.commands.operation.opened import opened
from walkwire.errors import StartError
from walkwire.terminal import columns

if TYPE_CHECKING:
    from walkwire.store import Store, UserRecord

_AT_ONCE = 500
_LONGEST_PASSWORD = 1024  # characters, as over REST
_user = click.argument("user", metavar="USER")


@click.group(cls=Commands)
def users() -> None:
    """Accounts. USER is an e-mail address, an id, or the id of a root.

    Running servers notice within ten seconds.
    """


@users.command("list")
@options.database
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each user, one a line.")
def list_users(database: str | None, as_json: bool) -> None:
    """Print all users, in the order of their addresses."""
    with opened(database) as store:
        for page in _pages(store):
            if as_json:
                lines = [json.dumps(_shown(user), ensure_ascii=False) for user in page]
            else:
                lines = columns([(user.email, user.root_id, ", ".join(_marks(user))) for user in page])
            for line in lines:
                click.echo(line)


@users.command()
@_user
@options.database
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(user: str, database: str | None, as_json: bool) -> None:
    """Print what is stored of a user, without the password."""
    with opened(database) as store:
        shown = _shown(_find(store, user))
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    for line in columns([(name, _as_text(value)) for name, value in shown.items()]):
        click.echo(line)


@users.command()
@_user
@options.database
def deactivate(user: str, database: str | None) -> None:
    """Let a user sign in no more. All tokens, sessions and webhook keys of the user end."""
    _activate(database, user, False)


@users.command()
@_user
@options.database
def activate(user: str, database: str | None) -> None:
    """Let a deactivated user sign in again."""
    _activate(database, user, True)


@users.command()
@_user
@options.database
def verify(user: str, database: str | None) -> None:
    """Note that the e-mail address of a user is the user's own, as if the user had given the code that was sent there."""
    with opened(database) as store:
        found = _find(store, user)
        if not store.prove_email(found.id):
            _say(found, "is deactivated" if not found.is_activated else "is verified already")
        else:
            _say(found, "is verified")


@users.command()
@_user
@options.database
def promote(user: str, database: str | None) -> None:
    """Make a user an administrator, whose token opens the console where there is one. It shows all data of all users."""
    _make_admin(database, user, True)


@users.command()
@_user
@options.database
def demote(user: str, database: str | None) -> None:
    """Make a user an administrator no longer."""
    _make_admin(database, user, False)


@users.command("set-password")
@_user
@options.database
def set_password(user: str, database: str | None) -> None:
    """Give a user a new password: asked for, or read from a line of stdin. All tokens and sessions of the user end."""
    with opened(database) as store:
        found = _find(store, user)
        hashed = asyncio.run(_hash(_new_password()))
        if not store.change_password(found.id, found.password, hashed):
            raise StartError("Somebody else changed the password meanwhile: nothing was changed")
        _say(found, "has a new password")


def _activate(database: str | None, user: str, is_activated: bool) -> None:
    word = "activated" if is_activated else "deactivated"
    with opened(database) as store:
        found = _find(store, user)
        is_changed = store.activate_user(found.id, is_activated)
        _say(found, f"is {word}" if is_changed else f"is {word} already")


def _make_admin(database: str | None, user: str, is_admin: bool) -> None:
    word = "an administrator" if is_admin else "no administrator"
    with opened(database) as store:
        found = _find(store, user)
        is_changed = store.make_admin(found.id, is_admin)
        _say(found, f"is {word}" if is_changed else f"is {word} already")


def _pages(store: Store) -> Iterator[list[UserRecord]]:
    after = ""
    while page := store.users(after, _AT_ONCE):
        yield page
        after = page[-1].email


def _find(store: Store, user: str) -> UserRecord:
    name = user.removeprefix("n::")
    found = store.user_by_email(name) if "@" in name else store.user_by_id(name) or store.user_by_root(name)
    if found is None:
        raise StartError(f"There is no user {user}")
    return found


def _shown(user: UserRecord) -> dict[str, Any]:
    return {
        "email": user.email,
        "id": user.id,
        "root_id": user.root_id,
        "is_activated": user.is_activated,
        "email_proof": user.email_proof,
        "is_admin": user.is_admin,
        "state": dict(user.state),
    }


def _marks(user: UserRecord) -> list[str]:
    marks = {
        "deactivated": not user.is_activated,
        "not verified": user.email_proof == "pending",
        "admin": user.is_admin,
    }
    return [mark for mark, is_so in marks.items() if is_so]


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _new_password() -> str:
    if sys.stdin.isatty():
        password: str = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not 1 <= len(password) <= _LONGEST_PASSWORD:
        raise StartError(f"A password has 1 to {_LONGEST_PASSWORD:,} characters")
    return password


async def _hash(password: str) -> str:
    from walkwire.account.password import Passwords

    passwords = Passwords()
    try:
        return await passwords.hash(password)
    finally:
        await passwords.close()


def _say(user: UserRecord, what: str) -> None:
    click.echo(f"{user.email} {what}", err=True)
