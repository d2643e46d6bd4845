"""Sessions: refresh tokens are replaced one by one, what is used twice ends the session, and a log-out ends one."""

from __future__ import annotations

import asyncio
import base64
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from tests.account.conftest import Clock, PlainHasher, Sockets
from walkwire.account import session as module
from walkwire.account.auth import Auth
from walkwire.account.password import Passwords
from walkwire.account.revocation import Revocation
from walkwire.account.session import GRACE, PREFIX, Lifetimes, Session, Sessions
from walkwire.account.token import LIFETIME, Tokens
from walkwire.account.user import Users
from walkwire.errors import CommitInDoubt, Limited
from walkwire.ids import new_id
from walkwire.store import Asking, SessionRecord, Store, UserRecord
from walkwire.stores import open_store

USER = UserRecord(new_id(), "ada@example.com", "hash of secret", new_id())
ACCESS, REFRESH = Lifetimes().access, Lifetimes().refresh


@pytest.fixture
def user(store: Store) -> UserRecord:
    store.add_user(USER)
    return USER


@pytest.fixture
def auth(tokens: Tokens, revocation: Revocation) -> Auth:
    return Auth(tokens, revocation)


async def begin(sessions: Sessions, user: UserRecord) -> tuple[Session, str]:
    """A new session, and its refresh token."""
    session = await sessions.begin(user, has_refresh=True)
    assert session is not None
    assert session.refresh_token is not None
    return session, session.refresh_token


async def refresh(sessions: Sessions, text: str) -> tuple[Session, str]:
    session = await sessions.refresh(text)
    assert session is not None
    assert session.refresh_token is not None
    return session, session.refresh_token


async def end(sessions: Sessions, auth: Auth, token: str) -> None:
    caller = await auth.identify(token)
    assert caller is not None
    await sessions.end(caller.root_id, caller.session, caller.expires)


# Log-ins


async def test_a_plain_log_in_gives_a_token_of_twelve_hours_and_stores_nothing(
    sessions: Sessions, user: UserRecord, auth: Auth, clock: Clock, store: Store
) -> None:
    session = await sessions.begin(user)
    assert session is not None
    assert (session.expires, session.refresh_token) == (clock.now + LIFETIME, None)
    caller = await auth.identify(session.token)
    assert caller is not None
    assert store.session(caller.session) is None


async def test_two_log_ins_of_one_second_are_two_sessions(
    sessions: Sessions, user: UserRecord, auth: Auth
) -> None:
    one, other = await sessions.begin(user), await sessions.begin(user)
    assert one is not None
    assert other is not None
    await end(sessions, auth, one.token)
    assert await auth.identify(one.token) is None
    assert await auth.identify(other.token) is not None


async def test_a_log_in_that_asks_for_it_gives_a_short_token_and_a_refresh_token(
    sessions: Sessions, user: UserRecord, auth: Auth, clock: Clock
) -> None:
    session, text = await begin(sessions, user)
    assert (session.expires, session.refresh_expires) == (clock.now + ACCESS, clock.now + REFRESH)
    assert text.startswith(PREFIX)
    caller = await auth.identify(session.token)
    assert caller is not None
    assert (caller.root_id, caller.expires) == (user.root_id, session.expires)


async def test_settings_shorten_tokens(
    store: Store, asking: Asking, tokens: Tokens, revocation: Revocation, clock: Clock, user: UserRecord
) -> None:
    sessions = Sessions(store, asking, tokens, revocation, Lifetimes(60, 30, 600), clock)
    plain, (session, _) = await sessions.begin(user), await begin(sessions, user)
    assert plain is not None
    assert [plain.expires, session.expires, session.refresh_expires] == [
        clock.now + 60,
        clock.now + 30,
        clock.now + 600,
    ]


async def test_a_log_in_that_a_new_password_overtakes_is_refused(
    store: Store, sessions: Sessions, revocation: Revocation, hasher: PlainHasher, user: UserRecord
) -> None:
    store.change_password(user.id, user.password, "hash of better")
    assert await sessions.begin(user, has_refresh=True) is None
    passwords = Passwords(hasher)
    users = Users(store, Asking(), passwords, sessions, revocation)
    assert await users.login(user.email, "better", has_refresh=True) is not None
    await passwords.close()


async def test_nothing_of_a_refresh_token_is_stored_as_it_is(
    sessions: Sessions, user: UserRecord, tmp_path: Path, store: Store
) -> None:
    _, first = await begin(sessions, user)
    _, second = await refresh(sessions, first)
    store.close()
    kept = await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir()))
    assert USER.root_id.encode() in kept
    for text in (first, second):
        secret = base64.urlsafe_b64decode(text[-43:] + "=")
        for part in (text[3:35].encode(), text[-43:].encode(), secret, secret.hex().encode()):
            assert part not in kept


# Refreshing


async def test_a_refresh_gives_a_new_pair_and_lasts_anew(
    sessions: Sessions, user: UserRecord, auth: Auth, clock: Clock
) -> None:
    old, first = await begin(sessions, user)
    clock.now += ACCESS
    assert await auth.identify(old.token) is None
    new, second = await refresh(sessions, first)
    assert (new.expires, new.refresh_expires) == (clock.now + ACCESS, clock.now + REFRESH)
    assert second != first
    assert await auth.identify(new.token) is not None


async def test_a_refresh_token_expires(sessions: Sessions, user: UserRecord, clock: Clock) -> None:
    _, text = await begin(sessions, user)
    clock.now += REFRESH
    assert await sessions.refresh(text) is None


@pytest.mark.parametrize("when", [0.0, GRACE])
async def test_a_client_whose_answer_was_lost_gets_the_same_successor(
    sessions: Sessions, user: UserRecord, auth: Auth, clock: Clock, when: float
) -> None:
    _, first = await begin(sessions, user)
    lost, second = await refresh(sessions, first)
    clock.now += when
    again, same = await refresh(sessions, first)
    assert (same, again.expires, again.refresh_expires) == (second, lost.expires, lost.refresh_expires)
    assert await auth.identify(again.token) is not None
    await refresh(sessions, second)


async def test_a_refresh_token_that_is_used_again_later_ends_the_session(
    sessions: Sessions,
    user: UserRecord,
    auth: Auth,
    sockets: Sockets,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, first = await begin(sessions, user)
    session, second = await refresh(sessions, first)
    other, _ = await begin(sessions, user)
    caller = await auth.identify(session.token)
    assert caller is not None
    clock.now += GRACE + 1
    with caplog.at_level(logging.WARNING):
        assert await sessions.refresh(first) is None
    assert await sessions.refresh(second) is None
    assert await auth.identify(session.token) is None
    assert await auth.identify(other.token) is not None
    assert sockets.told_ended == [(user.root_id, caller.session)]
    assert f"user {user.id} was used again" in caplog.text
    assert first not in caplog.text


async def test_once_the_successor_is_used_there_is_no_grace(sessions: Sessions, user: UserRecord) -> None:
    _, first = await begin(sessions, user)
    _, second = await refresh(sessions, first)
    _, third = await refresh(sessions, second)
    assert await sessions.refresh(first) is None
    assert await sessions.refresh(third) is None


async def test_of_many_refreshes_at_once_all_get_one_successor(sessions: Sessions, user: UserRecord) -> None:
    _, first = await begin(sessions, user)
    found = await asyncio.gather(*(sessions.refresh(first) for _ in range(16)))
    assert len({each.refresh_token for each in found if each is not None}) == 1
    assert None not in found
    await refresh(sessions, str(found[0] and found[0].refresh_token))


def _changed(text: str, place: int) -> str:
    return text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


@pytest.mark.parametrize(
    "forge",
    [
        lambda text: "",
        lambda text: "nonsense",
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text + "\n",
        lambda text: text.replace("wr_", "wk_"),
        lambda text: _changed(text, 3),
        lambda text: "wr_" + "ä" * 75,
        lambda text: "wr_" + "A" * 75,
    ],
)
async def test_what_is_no_refresh_token_of_a_session_ends_none(
    sessions: Sessions, user: UserRecord, forge: Callable[[str], str]
) -> None:
    _, text = await begin(sessions, user)
    assert await sessions.refresh(forge(text)) is None
    await sessions.end_by_refresh_token(forge(text))
    await refresh(sessions, text)


async def test_who_knows_the_id_of_a_session_cannot_end_it(
    sessions: Sessions, user: UserRecord, auth: Auth
) -> None:
    session, text = await begin(sessions, user)
    caller = await auth.identify(session.token)
    assert caller is not None
    for forged in (f"wr_{caller.session:A<32}{'A' * 43}", f"wr_{caller.session}{'A' * 51}"):
        assert await sessions.refresh(forged) is None
    await refresh(sessions, text)


async def test_the_two_kinds_of_token_are_not_taken_for_each_other(
    sessions: Sessions, user: UserRecord, auth: Auth
) -> None:
    session, text = await begin(sessions, user)
    assert await auth.identify(text) is None
    assert await sessions.refresh(session.token) is None


async def test_a_deactivated_user_refreshes_nothing(sessions: Sessions, store: Store) -> None:
    user = UserRecord(new_id(), "off@example.com", "hash", new_id())
    store.add_user(user)
    _, text = await begin(sessions, user)
    store._run_write(  # type: ignore[attr-defined]
        lambda connection: connection.exec_driver_sql("UPDATE users SET is_activated = 0")
    )
    assert await sessions.refresh(text) is None


async def test_a_new_password_ends_all_sessions(store: Store, sessions: Sessions, user: UserRecord) -> None:
    _, text = await begin(sessions, user)
    assert store.change_password(user.id, user.password, "better")
    assert await sessions.refresh(text) is None


# Ending


async def test_a_log_out_ends_the_session_of_the_token_and_no_other(
    sessions: Sessions, user: UserRecord, auth: Auth, sockets: Sockets
) -> None:
    session, first = await begin(sessions, user)
    renewed, second = await refresh(sessions, first)
    other, third = await begin(sessions, user)
    await end(sessions, auth, renewed.token)
    assert [await auth.identify(each.token) for each in (session, renewed)] == [None, None]
    assert [await sessions.refresh(text) for text in (first, second)] == [None, None]
    assert await auth.identify(other.token) is not None
    assert sockets.ended == [id for _, id in sockets.told_ended]
    await refresh(sessions, third)


@pytest.mark.parametrize("is_old", [True, False])
async def test_a_log_out_by_refresh_token_ends_the_session_too(
    sessions: Sessions, user: UserRecord, auth: Auth, is_old: bool
) -> None:
    _, first = await begin(sessions, user)
    session, second = await refresh(sessions, first)
    await sessions.end_by_refresh_token(first if is_old else second)
    assert await auth.identify(session.token) is None
    assert await sessions.refresh(second) is None


async def test_a_token_of_an_earlier_version_can_be_ended_in_all_its_spellings(
    sessions: Sessions, user: UserRecord, auth: Auth, tokens: Tokens, clock: Clock
) -> None:
    claims = {"sub": user.id, "root": user.root_id, "tokens": 0, "iat": 1, "exp": int(clock.now) + 60}
    old, other = (jwt.encode(claims | {"iat": iat}, b"s" * 32, "HS256") for iat in (1, 2))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # The last two bits mean nothing, and padding may be left out. Versions of PyJWT differ in what they accept of that.
    tried = [old[:-1] + letters[letters.index(old[-1]) ^ bits] for bits in range(4)] + [f"{old}="]
    spellings = [text for text in tried if await auth.identify(text) is not None]
    assert len(spellings) > 1
    await end(sessions, auth, old)
    assert [await auth.identify(text) for text in spellings] == [None] * len(spellings)
    assert await auth.identify(other) is not None


async def test_a_log_out_of_all_ends_every_token(
    sessions: Sessions, user: UserRecord, auth: Auth, sockets: Sockets, store: Store
) -> None:
    plain = await sessions.begin(user)
    assert plain is not None
    session, text = await begin(sessions, user)
    await sessions.end_all(user.root_id, 0)
    await sessions.end_all(user.root_id, 0)
    assert sockets.told == [(user.root_id, 1)]
    assert [await auth.identify(each.token) for each in (plain, session)] == [None, None]
    assert await sessions.refresh(text) is None
    now = store.user_by_id(user.id)
    assert now is not None
    assert await sessions.begin(now, has_refresh=True) is not None


async def test_one_session_too_many_ends_the_one_that_was_refreshed_the_longest_ago(
    store: Store,
    asking: Asking,
    tokens: Tokens,
    revocation: Revocation,
    clock: Clock,
    user: UserRecord,
    auth: Auth,
) -> None:
    sessions = Sessions(store, asking, tokens, revocation, Lifetimes(sessions=2), clock)
    one, first = await begin(sessions, user)
    clock.now += 1
    other, second = await begin(sessions, user)
    clock.now += 1
    await refresh(sessions, first)
    clock.now += 1
    await begin(sessions, user)
    assert await auth.identify(one.token) is not None
    assert await auth.identify(other.token) is None
    assert await sessions.refresh(second) is None


async def test_a_crowd_of_log_ins_is_limited(
    store: Store,
    asking: Asking,
    tokens: Tokens,
    revocation: Revocation,
    clock: Clock,
    user: UserRecord,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ENDED", 3)
    sessions = Sessions(store, asking, tokens, revocation, Lifetimes(sessions=2), clock)
    for _ in range(5):
        await begin(sessions, user)
    with pytest.raises(Limited):
        await sessions.begin(user, has_refresh=True)
    assert await sessions.begin(user) is not None, "a plain log-in stores nothing"


async def test_a_crowd_of_log_outs_ends_all_tokens(
    sessions: Sessions, user: UserRecord, auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ENDED", 3)
    made = [await sessions.begin(user) for _ in range(5)]
    *mine, last = [each.token for each in made if each is not None]
    for token in mine:
        assert await auth.identify(last) is not None
        await end(sessions, auth, token)
    assert await auth.identify(last) is None


async def test_records_are_removed_when_the_tokens_have_expired(
    sessions: Sessions, user: UserRecord, auth: Auth, store: Store, clock: Clock
) -> None:
    session = await sessions.begin(user)
    assert session is not None
    _, text = await begin(sessions, user)
    await end(sessions, auth, session.token)
    clock.now += LIFETIME
    await sessions.remove_expired()
    assert store.token_states([user.root_id])[user.root_id].ended
    clock.now += module.SKEW + 1
    await sessions.remove_expired()
    assert not store.token_states([user.root_id])[user.root_id].ended
    await refresh(sessions, text)


async def test_expired_records_are_removed_in_the_background(
    sessions: Sessions,
    user: UserRecord,
    auth: Auth,
    store: Store,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TRIM", 0.001)
    session = await sessions.begin(user)
    assert session is not None
    await end(sessions, auth, session.token)
    clock.now += LIFETIME + module.SKEW + 1
    sessions.start()
    async with asyncio.timeout(30):
        while store.token_states([user.root_id])[user.root_id].ended:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
    await sessions.stop()


async def test_a_log_out_whose_outcome_is_not_known_ends_the_session_here_all_the_same(
    sessions: Sessions, user: UserRecord, auth: Auth, store: Store, sockets: Sockets
) -> None:
    class Doubtful:
        def end_session(self, *arguments: Any) -> int | None:
            raise CommitInDoubt

        def revoke_tokens(self, *arguments: Any) -> bool:
            raise CommitInDoubt

    session = await sessions.begin(user)
    assert session is not None
    sessions._store = Doubtful()  # type: ignore[assignment]
    with pytest.raises(CommitInDoubt):
        await end(sessions, auth, session.token)
    assert await auth.identify(session.token) is None
    assert len(sockets.told_ended) == 1
    with pytest.raises(CommitInDoubt):
        await sessions.end_all(user.root_id, 0)
    assert sockets.told == [(user.root_id, 1)]


async def test_a_refresh_whose_outcome_is_not_known_can_be_tried_again(
    sessions: Sessions, user: UserRecord, store: Store
) -> None:
    class Doubtful:
        session = staticmethod(store.session)

        def renew_session(self, session: SessionRecord) -> bool:
            assert store.renew_session(session)
            raise CommitInDoubt

    _, text = await begin(sessions, user)
    sessions._store = Doubtful()  # type: ignore[assignment]
    with pytest.raises(CommitInDoubt):
        await sessions.refresh(text)
    sessions._store = store
    _, second = await refresh(sessions, text)
    await refresh(sessions, second)


# A model of few lines


class Rotation(RuleBasedStateMachine):
    """A session is a list of refresh tokens. The last counts; the one before it is answered with the last for `GRACE` seconds.
    Any other ends the session.

    An access token is valid exactly as long as its session lasts and it has not expired.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.store = open_store(f"sqlite:///{self.folder.name}/model.db")
        self.store.add_user(USER)
        self.clock, self.asking = Clock(), Asking()
        tokens = Tokens(b"s" * 32, self.clock)
        self.revocation = Revocation(self.store, self.asking, Sockets(), self.clock)
        self.auth = Auth(tokens, self.revocation)
        self.sessions = Sessions(self.store, self.asking, tokens, self.revocation, clock=self.clock)
        self.given: dict[int, list[str]] = {}  # the refresh tokens of each session that lasts
        self.shown: dict[int, tuple[str, float]] = {}  # its newest access token, and when it was renewed
        self.accessed: list[tuple[int, str, float]] = []

    families = Bundle("families")

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def note(self, family: int, session: Session) -> None:
        self.accessed.append((family, session.token, session.expires))

    @initialize(target=families)
    def begin_first(self) -> int:
        return self.begin()

    @rule(target=families)
    def begin(self) -> int:
        family = len(self.given)
        session, text = self.run(begin(self.sessions, USER))
        self.given[family] = [text]
        self.shown[family] = (session.token, self.clock.now)
        self.note(family, session)
        return family

    @rule(family=families, back=st.integers(0, 3))
    def refresh(self, family: int, back: int) -> None:
        texts = self.given[family]
        if not texts:
            return
        index = max(0, len(texts) - 1 - back)
        session = self.run(self.sessions.refresh(texts[index]))
        is_last, is_before = index == len(texts) - 1, index == len(texts) - 2
        if is_last:
            assert session is not None
            assert session.refresh_token not in texts
            texts.append(session.refresh_token)
            self.shown[family] = (session.token, self.clock.now)
            self.note(family, session)
        elif is_before and self.clock.now - self.shown[family][1] <= GRACE:
            assert session is not None
            assert session.refresh_token == texts[-1]
            self.note(family, session)
        else:
            assert session is None
            texts.clear()

    @rule(family=consumes(families))
    def log_out(self, family: int) -> None:
        if texts := self.given[family]:
            self.run(self.sessions.end_by_refresh_token(texts[-1]))
            assert self.run(self.sessions.refresh(texts[-1])) is None
            texts.clear()

    @rule(seconds=st.sampled_from([1, GRACE, GRACE + 1, ACCESS]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def access_tokens_are_valid_as_long_as_their_session(self) -> None:
        for family, token, expires in self.accessed:
            is_valid = bool(self.given[family]) and expires > self.clock.now
            assert (self.run(self.auth.identify(token)) is not None) is is_valid

    def teardown(self) -> None:
        self.run(self.revocation.stop())
        self.run(self.asking.close())
        self.store.close()
        self.loop.close()
        self.folder.cleanup()


Rotation.TestCase.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
TestRotation = Rotation.TestCase
