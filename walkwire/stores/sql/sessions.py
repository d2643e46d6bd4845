"""Sessions: statements on sessions, and on the token generations that end them. All run inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, text, update

from walkwire.store import SessionRecord, TokenState, TooManySessions, UserRecord
from walkwire.stores.sql import view
from walkwire.stores.sql.schema import sessions, used_tickets, users

# SQLAlchemy has ON CONFLICT for each engine apart only. A second server waits for the first one's commit here.
_USE_TICKET = text("INSERT INTO used_tickets (id, expires) VALUES (:id, :expires) ON CONFLICT DO NOTHING")

_SESSION = tuple(sessions.c[name] for name in SessionRecord._fields)
_IS_ENDED = sessions.c.digest.is_(None)


def token_states(among: Callable[[Any, str], ColumnElement[bool]]) -> Any:
    """Return the statement for root, token generation and one ended session (or NULL) of active users with the roots `ids`."""
    ended = and_(sessions.c.root_id == users.c.root_id, _IS_ENDED)
    found = select(users.c.root_id, users.c.token_generation, sessions.c.id.label("session"))
    return found.outerjoin_from(users, sessions, ended).where(
        among(users.c.root_id, "ids"), users.c.is_activated
    )


def states_in(rows: Iterable[Any]) -> dict[str, TokenState]:
    """Return what the rows of `token_states` say, by root."""
    found: dict[str, TokenState] = {}
    several: dict[str, list[str]] = {}
    for root_id, token_generation, session in rows:
        if session is not None:
            several.setdefault(root_id, []).append(session)
        found[root_id] = TokenState(token_generation)
    for root_id, ended in several.items():
        found[root_id] = found[root_id]._replace(ended=frozenset(ended))
    return found


def add(connection: Connection, session: SessionRecord, bound: int, ended_bound: int) -> list[str] | None:
    """Insert a session, and end the oldest ones beyond the bound; see `SessionStore.add_session`.

    The lock on the user keeps two sessions from passing the bound, and a session from slipping in while the password changes.
    """
    if _locked_generation(connection, session.root_id) != session.token_generation:
        return None
    lasting = (
        select(sessions.c.id)
        .where(sessions.c.root_id == session.root_id, ~_IS_ENDED, sessions.c.expires > session.renewed)
        .order_by(sessions.c.renewed.desc(), sessions.c.id.desc())
        .offset(bound - 1)
    )
    old = list(connection.execute(lasting.limit(ended_bound)).scalars())
    if old and _count_ended(connection, session.root_id, session.renewed) + len(old) > ended_bound:
        raise TooManySessions(session.root_id)
    for session_id in old:
        _end(connection, session_id)
    connection.execute(insert(sessions), [session._asdict()])
    return old


def load(connection: Connection, session_id: str) -> tuple[SessionRecord, UserRecord] | None:
    """Return a session with its user, or None."""
    row = connection.execute(select(*_SESSION).where(sessions.c.id == session_id)).first()
    if row is None:
        return None
    session = SessionRecord(*row)
    user = view.user_by(connection, root_id=session.root_id)
    return None if user is None else (session, user)


def renew(connection: Connection, session: SessionRecord) -> bool:
    """Replace the record of a session, if its refresh token is still the one that is now the previous one."""
    mine = update(sessions).where(sessions.c.id == session.id, sessions.c.digest == session.previous)
    return connection.execute(mine.values(session._asdict())).rowcount == 1


def end(
    connection: Connection, root_id: str, session_id: str, token_expires: int, now: float, ended_bound: int
) -> int | None:
    """End a session, or all of a user who has ended too many; see `SessionStore.end_session`.

    The lock on the user keeps two records of one session from being inserted, and two from passing the bound.
    """
    token_generation = _locked_generation(connection, root_id)
    if token_generation is None:
        return None
    found = select(_IS_ENDED).where(sessions.c.id == session_id, sessions.c.root_id == root_id)
    is_ended = connection.execute(found).scalar()
    if is_ended:
        return None
    if _count_ended(connection, root_id, now) >= ended_bound:
        return token_generation + 1 if revoke(connection, root_id, token_generation) else None
    if is_ended is None:
        row = SessionRecord(
            session_id, root_id, token_generation, None, None, None, 0.0, token_expires, token_expires
        )
        connection.execute(insert(sessions), [row._asdict()])
    else:
        _end(connection, session_id)
    return None


def revoke(connection: Connection, root_id: str, token_generation: int) -> bool:
    """Raise a user's token generation, if it is this one, and delete the user's sessions."""
    mine = update(users).where(users.c.root_id == root_id, users.c.token_generation == token_generation)
    is_raised = connection.execute(mine.values(token_generation=token_generation + 1)).rowcount == 1
    if is_raised:
        connection.execute(delete(sessions).where(sessions.c.root_id == root_id))
    return is_raised


def remove_expired(connection: Connection, now: float, limit: int) -> int:
    """Delete at most `limit` records that have expired. Two servers that do so at once do not wait for each other."""
    expired = select(sessions.c.id).where(sessions.c.expires < now).limit(limit)
    expired = expired.with_for_update(skip_locked=True)
    return connection.execute(delete(sessions).where(sessions.c.id.in_(expired.scalar_subquery()))).rowcount


def _locked_generation(connection: Connection, root_id: str) -> int | None:
    """Lock the active user with this root until the transaction ends, and return its token generation; None: there is none."""
    owner = select(users.c.token_generation).where(users.c.root_id == root_id, users.c.is_activated)
    found: int | None = connection.execute(owner.with_for_update()).scalar()
    return found


def _count_ended(connection: Connection, root_id: str, now: float) -> int:
    mine = select(func.count()).where(sessions.c.root_id == root_id, _IS_ENDED, sessions.c.expires > now)
    return connection.execute(mine).scalar() or 0


def _end(connection: Connection, session_id: str) -> None:
    """Forget the refresh token of a session. Its record stays until its last access token has expired."""
    ended = update(sessions).where(sessions.c.id == session_id)
    connection.execute(
        ended.values(digest=None, previous=None, sealed=None, expires=sessions.c.token_expires)
    )


def use_ticket(connection: Connection, id: str, expires: float) -> bool:
    """Insert a record. Returns False if there is one already: the primary key decides between two servers."""
    return connection.execute(_USE_TICKET, {"id": id, "expires": expires}).rowcount == 1


def forget_tickets(connection: Connection, before: float) -> None:
    """Delete the records that expired before this Unix second."""
    connection.execute(delete(used_tickets).where(used_tickets.c.expires < before))
