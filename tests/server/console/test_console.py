"""What a server tells of itself, its users and its tasks."""

from __future__ import annotations

from tests.server.console import town
from tests.server.console.conftest import Operator
from walkwire.testing import Served, serve

TOKEN = "0123456789abcdef0123456789abcdef"


async def test_a_server_says_what_it_is(operator: Operator) -> None:
    about = await operator.ask("server")

    assert (about["production"], about["database"], about["broker"]) == (False, "sqlite", "memory")
    assert about["walkers"] == 5
    assert about["trouble"] is None


async def test_users_are_found_without_their_passwords(served: Served, operator: Operator) -> None:
    ada = await served.user("ada@example.com")
    await served.user("bob@example.com")

    everybody = await operator.ask("users")
    (found,) = (await operator.ask("users", find="ADA@"))["rows"]

    assert [row["email"] for row in everybody["rows"]] == ["ada@example.com", "bob@example.com"]
    assert found["root"] == f"n::{ada.root_id.removeprefix('n::')}"
    assert "password" not in {*found}
    assert (await operator.ask("users", find=found["root"]))["rows"] == [found]
    assert (await operator.ask("users", limit=1))["has_more"] is True


async def test_tasks_are_listed_with_their_outcome(served: Served, operator: Operator) -> None:
    await served.public().post("recount")
    task = None
    while task is None or task["state"] != "COMPLETED":
        (task,) = (await operator.ask("tasks"))["rows"]

    assert (task["walker"], task["reports"]) == ("recount", '["done"]')
    assert (await operator.ask("tasks", state="ERROR"))["rows"] == []


async def test_in_development_an_operator_may_walk_as_a_user(served: Served, operator: Operator) -> None:
    ada = await served.user("ada@example.com")

    given = await operator.act("sign_in", root=ada.root_id)

    answer = await served.http.post(
        "/walker/log_in", json={"name": "x"}, headers={"Authorization": f"Bearer {given['token']}"}
    )
    assert answer.status_code == 200
    await operator.act("sign_in", 404, root="n::" + "f" * 24)


async def test_in_production_nobody_is_signed_in() -> None:
    async with serve(town, production=True, console=True, console_token=TOKEN) as served:
        ada = await served.user("ada@example.com")

        await Operator(served, Authorization=f"Bearer {TOKEN}").act("sign_in", 403, root=ada.root_id)
