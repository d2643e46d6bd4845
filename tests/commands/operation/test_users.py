"""`walkwire users`: the accounts of a database, on both engines."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from tests.databases import ENGINES, database
from tests.warm import make_passwords_cheap
from walkwire.cli import app
from walkwire.ids import new_id
from walkwire.store import Store, UserRecord
from walkwire.stores import open_store


@pytest.fixture(scope="module", params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    make_passwords_cheap()
    with database(request.param, tmp_path_factory.mktemp("users")) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def ada(store: Store) -> UserRecord:
    user = UserRecord(new_id(), f"{new_id()}@example.com", "hash", new_id(), state={"name": "Ada"})
    store.add_user(user._replace(email_proof="pending"))
    return user


def users(url: str, *arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["users", *arguments, "--database", url], input=given)


def test_users_are_listed_and_shown_without_their_passwords(url: str, ada: UserRecord) -> None:
    listed = [json.loads(line) for line in users(url, "list", "--json").stdout.splitlines()]
    shown = json.loads(users(url, "show", ada.email.upper(), "--json").stdout)
    assert shown in listed
    assert shown == {
        "email": ada.email,
        "id": ada.id,
        "root_id": ada.root_id,
        "is_activated": True,
        "email_proof": "pending",
        "is_admin": False,
        "state": {"name": "Ada"},
    }
    for name in (ada.id, ada.root_id, f"n::{ada.root_id}"):
        assert json.loads(users(url, "show", name, "--json").stdout) == shown
    assert f"{ada.email}  {ada.root_id}  not verified" in users(url, "list").stdout


def test_a_deactivated_user_loses_all_tokens_and_can_come_back(
    url: str, ada: UserRecord, store: Store
) -> None:
    before = store.token_states([ada.root_id])[ada.root_id]
    assert users(url, "deactivate", ada.email).stderr == f"{ada.email} is deactivated\n"
    assert store.token_states([ada.root_id]) == {}
    assert users(url, "deactivate", ada.email).stderr == f"{ada.email} is deactivated already\n"
    assert users(url, "activate", ada.email).exit_code == 0
    assert store.token_states([ada.root_id])[ada.root_id].token_generation > before.token_generation


def test_a_password_is_read_from_stdin_and_never_an_argument(url: str, ada: UserRecord, store: Store) -> None:
    done = users(url, "set-password", ada.email, given="correct horse\n")
    assert (done.exit_code, done.stderr) == (0, f"{ada.email} has a new password\n")
    changed = store.user_by_id(ada.id)
    assert changed is not None
    assert changed.password.startswith("$argon2id$")
    assert changed.token_generation == 1
    assert users(url, "set-password", ada.email, "secret").exit_code == 2
    assert users(url, "set-password", ada.email, given="\n").stderr.startswith("A password has 1 to 1,024")


def test_an_address_is_verified_once(url: str, ada: UserRecord, store: Store) -> None:
    assert users(url, "verify", ada.email).stderr == f"{ada.email} is verified\n"
    found = store.user_by_id(ada.id)
    assert found is not None
    assert found.email_proof == "proved"
    assert users(url, "verify", ada.email).stderr == f"{ada.email} is verified already\n"


@pytest.mark.parametrize("command", ["show", "deactivate", "activate", "verify", "set-password"])
def test_an_unknown_user_is_one_sentence(command: str, url: str) -> None:
    done = users(url, command, "nobody@example.com", given="x\n")
    assert (done.exit_code, done.stderr) == (2, "There is no user nobody@example.com\n")


def test_a_user_is_made_an_administrator_and_no_longer_one(url: str, ada: UserRecord, store: Store) -> None:
    assert users(url, "promote", ada.email).stderr == f"{ada.email} is an administrator\n"
    assert users(url, "promote", ada.email).stderr == f"{ada.email} is an administrator already\n"
    assert f"{ada.root_id}  not verified, admin" in users(url, "list").stdout
    found = store.user_by_id(ada.id)
    assert found is not None
    assert found.is_admin
    assert found.token_generation == ada.token_generation  # its tokens stay
    assert users(url, "demote", ada.email).stderr == f"{ada.email} is no administrator\n"
