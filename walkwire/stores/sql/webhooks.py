"""Webhooks: statements on webhook keys. All run inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from walkwire.store import LATEST, TooManyWebhookKeys, WebhookKey, WebhookKeyExists
from walkwire.stores.sql.schema import users, webhook_keys

_KEY = tuple(webhook_keys.c[name] for name in WebhookKey._fields)


def add(connection: Connection, key: WebhookKey, token_generation: int, bound: int) -> bool:
    """Insert a key. Returns False unless its user is active and has this token generation.

    The lock on the user keeps two keys from passing the bound, and a key from slipping in while the password changes.
    Raises WebhookKeyExists, TooManyWebhookKeys.
    """
    owner = select(users.c.token_generation).where(users.c.root_id == key.root_id, users.c.is_activated)
    if connection.execute(owner.with_for_update()).scalar() != token_generation:
        return False
    mine = select(func.count()).where(webhook_keys.c.root_id == key.root_id)
    if (connection.execute(mine).scalar() or 0) >= bound:
        raise TooManyWebhookKeys(key.root_id)
    row = key._asdict() | {"walkers": json.dumps(list(key.walkers)), "nodes": json.dumps(list(key.nodes))}
    try:
        connection.execute(insert(webhook_keys), [row])
    except IntegrityError:
        raise WebhookKeyExists(key.name) from None
    return True


def of(connection: Connection, root_id: str) -> list[WebhookKey]:
    """Return a root's keys, in the order in which they were created."""
    return _found(
        connection, select(*_KEY).where(webhook_keys.c.root_id == root_id).order_by(webhook_keys.c.id)
    )


def made(connection: Connection, root_id: str, second: int) -> list[WebhookKey]:
    """Return the keys that an active user with this root made in one second."""
    return _found(
        connection,
        select(*_KEY)
        .join(users, users.c.root_id == webhook_keys.c.root_id)
        .where(webhook_keys.c.root_id == root_id, webhook_keys.c.made == second, users.c.is_activated),
    )


def _found(connection: Connection, statement: Select[Any]) -> list[WebhookKey]:
    return [
        key._replace(walkers=json.loads(str(key.walkers)), nodes=json.loads(str(key.nodes)))
        for key in (WebhookKey(*row) for row in connection.execute(statement))
    ]


def extend(connection: Connection, root_id: str, id: str, seconds: float) -> bool:
    """Move the expiry of a key by `seconds`, at most to `LATEST`. Returns False if the root has no such key."""
    mine = update(webhook_keys).where(webhook_keys.c.id == id, webhook_keys.c.root_id == root_id)
    later = webhook_keys.c.expires + seconds
    return connection.execute(mine.values(expires=case((later < LATEST, later), else_=LATEST))).rowcount == 1


def remove(connection: Connection, root_id: str, ids: Sequence[str]) -> int:
    """Delete those of the keys that belong to the root. Returns how many were deleted."""
    return connection.execute(
        delete(webhook_keys).where(webhook_keys.c.root_id == root_id, webhook_keys.c.id.in_(ids))
    ).rowcount


def remove_all(connection: Connection, user_id: str) -> None:
    """Delete the keys of a user."""
    root = select(users.c.root_id).where(users.c.id == user_id).scalar_subquery()
    connection.execute(delete(webhook_keys).where(webhook_keys.c.root_id == root))
