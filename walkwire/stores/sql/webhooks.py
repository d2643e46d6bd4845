"""Webhooks: what every SQL engine is asked of webhook keys, inside a transaction, which the caller ends."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from walkwire.store import WebhookKey, WebhookKeyExists
from walkwire.stores.sql.schema import webhook_keys

_KEY = tuple(webhook_keys.c[name] for name in WebhookKey._fields)


def add(connection: Connection, key: WebhookKey) -> None:
    """Write a key. Raises WebhookKeyExists."""
    row = key._asdict() | {"walkers": json.dumps(list(key.walkers)), "nodes": json.dumps(list(key.nodes))}
    try:
        connection.execute(insert(webhook_keys), [row])
    except IntegrityError:
        raise WebhookKeyExists(key.name) from None


def of(connection: Connection, root_id: str) -> list[WebhookKey]:
    """A root's keys."""
    rows = connection.execute(
        select(*_KEY).where(webhook_keys.c.root_id == root_id).order_by(webhook_keys.c.id)
    )
    return [
        key._replace(walkers=json.loads(str(key.walkers)), nodes=json.loads(str(key.nodes)))
        for key in (WebhookKey(*row) for row in rows)
    ]


def extend(connection: Connection, root_id: str, id: str, seconds: float) -> bool:
    """Let a key live longer; False where the root has none such."""
    mine = update(webhook_keys).where(webhook_keys.c.id == id, webhook_keys.c.root_id == root_id)
    return connection.execute(mine.values(expires=webhook_keys.c.expires + seconds)).rowcount == 1


def remove(connection: Connection, root_id: str, ids: Sequence[str]) -> int:
    """Delete those that are the root's; gives their number."""
    return connection.execute(
        delete(webhook_keys).where(webhook_keys.c.root_id == root_id, webhook_keys.c.id.in_(ids))
    ).rowcount
