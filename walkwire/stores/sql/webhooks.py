"""Webhooks: statements on webhook keys. All run inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from walkwire.store import WebhookKey, WebhookKeyExists
from walkwire.stores.sql.schema import webhook_keys

_KEY = tuple(webhook_keys.c[name] for name in WebhookKey._fields)


def add(connection: Connection, key: WebhookKey) -> None:
    """Insert a key. Raises WebhookKeyExists."""
    row = key._asdict() | {"walkers": json.dumps(list(key.walkers)), "nodes": json.dumps(list(key.nodes))}
    try:
        connection.execute(insert(webhook_keys), [row])
    except IntegrityError:
        raise WebhookKeyExists(key.name) from None


def of(connection: Connection, root_id: str) -> list[WebhookKey]:
    """Return a root's keys, in the order in which they were created."""
    rows = connection.execute(
        select(*_KEY).where(webhook_keys.c.root_id == root_id).order_by(webhook_keys.c.id)
    )
    return [
        key._replace(walkers=json.loads(str(key.walkers)), nodes=json.loads(str(key.nodes)))
        for key in (WebhookKey(*row) for row in rows)
    ]


def extend(connection: Connection, root_id: str, id: str, seconds: float) -> bool:
    """Move the expiry of a key by `seconds`. Returns False if the root has no such key."""
    mine = update(webhook_keys).where(webhook_keys.c.id == id, webhook_keys.c.root_id == root_id)
    return connection.execute(mine.values(expires=webhook_keys.c.expires + seconds)).rowcount == 1


def remove(connection: Connection, root_id: str, ids: Sequence[str]) -> int:
    """Delete those of the keys that belong to the root. Returns how many were deleted."""
    return connection.execute(
        delete(webhook_keys).where(webhook_keys.c.root_id == root_id, webhook_keys.c.id.in_(ids))
    ).rowcount
