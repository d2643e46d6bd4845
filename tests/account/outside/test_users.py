"""Which of our users a provider's user is; an e-mail address alone makes no two accounts one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from tests.openid import OpenIdProvider
from walkwire.account.auth import Auth
from walkwire.account.outside.token import OutsideClaims, OutsideTokens
from walkwire.account.outside.users import AddressTaken, Bearers, FieldsRefused, OpenId, OutsideUsers
from walkwire.account.revocation import Revocation
from walkwire.account.token import Tokens
from walkwire.ids import new_id
from walkwire.store import Asking, EmailProof, Store, UserRecord

ISSUER = "https://id.example"
EMAIL = "ada@example.com"


def claims_of(subject: str = "1", **told: Any) -> OutsideClaims:
    return OutsideClaims(subject, int(time.time()) + 60, told)


VERIFIED = claims_of(email="Ada@Example.com", email_verified=True)


def add(store: Store, proof: EmailProof = "unasked", *, is_activated: bool = True) -> UserRecord:
    user = UserRecord(new_id(), EMAIL, "hash", new_id(), email_proof=proof, is_activated=is_activated)
    store.add_user(user)
    return user


async def test_a_user_is_known_again_by_issuer_and_subject_alone(users: OutsideUsers) -> None:
    assert await users.find(ISSUER, VERIFIED) is None
    user = await users.register(ISSUER, VERIFIED, "oidc")
    assert (user.email, user.email_proof, user.is_ready) == (EMAIL, "proved", True)
    assert await users.find(ISSUER, claims_of(email="other@example.com", email_verified=True)) == user
    assert await users.find("https://other.example", VERIFIED) is None
    assert await users.find(ISSUER, VERIFIED._replace(subject="2")) is None


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"email": EMAIL},
        {"email": EMAIL, "email_verified": "true"},
        {"email": EMAIL, "email_verified": 1},
        {"email": "no address", "email_verified": True},
        {"email": "a@b.example\r\nBcc: x@y.example", "email_verified": True},
        {"email": [EMAIL], "email_verified": True},
    ],
    ids=str,
)
async def test_an_address_that_the_provider_has_not_verified_is_nobodys(
    told: dict[str, Any], users: OutsideUsers, store: Store
) -> None:
    user = await users.register(ISSUER, claims_of(**told), "oidc")
    assert user.email == f"{user.id}@users.invalid"
    assert store.user_by_email(EMAIL) is None


@pytest.mark.parametrize("proof", ["unasked", "pending", "proved"])
async def test_an_account_with_the_address_is_not_taken_over(
    proof: EmailProof, users: OutsideUsers, store: Store
) -> None:
    add(store, proof)
    assert await users.find(ISSUER, VERIFIED) is None
    with pytest.raises(AddressTaken):
        await users.register(ISSUER, VERIFIED, "oidc")


@pytest.mark.parametrize("proof", ["unasked", "pending", "proved"])
async def test_an_account_is_linked_only_where_that_is_set_and_both_sides_have_verified_the_address(
    proof: EmailProof, store: Store, asking: Asking
) -> None:
    linking = OutsideUsers(store, asking, links=True)
    owner = add(store, proof)
    assert await linking.find(ISSUER, claims_of(email=EMAIL)) is None
    found = await linking.find(ISSUER, VERIFIED)
    assert found == (owner if proof == "proved" else None)
    assert store.user_by_identity(ISSUER, "1") == found


async def test_a_deactivated_account_is_not_linked(store: Store, asking: Asking) -> None:
    add(store, "proved", is_activated=False)
    assert await OutsideUsers(store, asking, links=True).find(ISSUER, VERIFIED) is None


async def test_users_who_come_many_times_at_once_are_made_once(users: OutsideUsers) -> None:
    made = await asyncio.gather(*(users.register(ISSUER, VERIFIED, "oidc") for _ in range(8)))
    assert len({user.id for user in made}) == 1


async def test_the_programs_fields_come_from_the_program(store: Store, asking: Asking) -> None:
    def state_of(open_id: OpenId) -> Mapping[str, Any]:
        if open_id.first_name is None:
            raise ValueError("first_name is missing")
        return {"nick": open_id.first_name, "by": open_id.provider}

    users = OutsideUsers(store, asking, state_of)
    user = await users.register(ISSUER, claims_of(given_name="Ada", family_name=5), "google")
    assert user.state == {"nick": "Ada", "by": "google"}
    with pytest.raises(FieldsRefused):
        await users.register(ISSUER, claims_of("2"), "google")
    assert await users.find(ISSUER, claims_of("2")) is None


def auth_of(
    tokens: OutsideTokens,
    users: OutsideUsers,
    store: Store,
    asking: Asking,
    revocation: Revocation,
    *,
    registers: bool = True,
) -> Auth:
    auth = Auth(Tokens(b"s" * 32), revocation)
    auth.outside = Bearers(tokens, users, store, asking, revocation, registers=registers)
    return auth


async def test_a_bearer_is_a_user_of_ours_whatever_becomes_of_our_own_tokens(
    provider: OpenIdProvider,
    tokens: OutsideTokens,
    users: OutsideUsers,
    store: Store,
    asking: Asking,
    revocation: Revocation,
) -> None:
    auth = auth_of(tokens, users, store, asking, revocation)
    caller = await auth.identify(f"Bearer {provider.token()}")
    assert caller is not None
    user = store.user_by_identity(provider.issuer, "ada-at-home")
    assert user is not None
    assert (caller.root_id, caller.user_id) == (user.root_id, user.id)
    assert await auth.identify(provider.token(sub="bob")) != caller

    assert store.change_password(
        user.id, "", "hash"
    )  # by a code that was mailed: tokens of the provider go on
    revocation.revoke(user.root_id, 1)
    again = await auth.identify(provider.token())
    assert again is not None
    assert (again.root_id, again.token_generation) == (user.root_id, 1)


async def test_strangers_are_not_made_users_unless_that_is_set(
    provider: OpenIdProvider,
    tokens: OutsideTokens,
    users: OutsideUsers,
    store: Store,
    asking: Asking,
    revocation: Revocation,
) -> None:
    closed = auth_of(tokens, users, store, asking, revocation, registers=False)
    assert await closed.identify(provider.token()) is None
    assert store.user_by_identity(provider.issuer, "ada-at-home") is None
    assert await auth_of(tokens, users, store, asking, revocation).identify(provider.token()) is not None
    assert await closed.identify(provider.token()) is not None


async def test_a_bearer_whose_address_another_account_has_gets_an_account_of_the_own(
    provider: OpenIdProvider,
    tokens: OutsideTokens,
    users: OutsideUsers,
    store: Store,
    asking: Asking,
    revocation: Revocation,
) -> None:
    squatter = add(store)
    auth = auth_of(tokens, users, store, asking, revocation)
    caller = await auth.identify(provider.token(email=EMAIL, email_verified=True))
    assert caller is not None
    assert caller.root_id != squatter.root_id


async def test_a_bearer_whose_account_is_deactivated_is_nobody(
    provider: OpenIdProvider,
    tokens: OutsideTokens,
    users: OutsideUsers,
    store: Store,
    asking: Asking,
    revocation: Revocation,
) -> None:
    off = UserRecord(new_id(), EMAIL, "", new_id(), is_activated=False)
    store.add_outside_user(off, provider.issuer, "ada-at-home")
    auth = auth_of(tokens, users, store, asking, revocation)
    assert await auth.identify(provider.token()) is None
    assert await auth.identify(provider.token()) is None
