"""Outside: makes what accepts the users of outside providers, from the settings. Without these settings nothing is made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from walkwire.account.accounts import Accounts
from walkwire.account.outside.fetch import Fetcher, open_fetcher
from walkwire.account.outside.provider import Provider
from walkwire.account.outside.sign_on import Client, SignOn
from walkwire.account.outside.token import OutsideTokens
from walkwire.account.outside.users import Bearers, OpenId, OutsideUsers
from walkwire.config import ISSUERS, Config, SsoProvider
from walkwire.errors import StartError
from walkwire.server.http.accounts.users import state_of
from walkwire.store import Asking, Store


@asynccontextmanager
async def open_outside(
    config: Config, store: Store, asking: Asking, accounts: Accounts, secret: bytes, user: type | None
) -> AsyncIterator[SignOn | None]:
    """Accept the tokens of OIDC_ISSUER, and yield the single sign-on of SSO_…; None without it. Raises StartError.

    - user: the program's class of users; its `sso_mapper(open_id)` gives the fields of new ones
    """
    if not config.sso and config.oidc_issuer is None:
        yield None
        return
    async with AsyncExitStack() as stack:
        fetcher = await stack.enter_async_context(open_fetcher())
        providers: dict[str, Provider] = {}

        def provider(issuer: str, jwks_url: str | None = None) -> Provider:
            if issuer not in providers:
                providers[issuer] = Provider(fetcher, issuer, jwks_url)
                stack.push_async_callback(providers[issuer].close)
            return providers[issuer]

        users = OutsideUsers(store, asking, _mapper(user, accounts.profile), links=config.sso_link)
        if config.oidc_issuer is not None:
            if not config.oidc_audience:
                raise StartError(
                    "OIDC_ISSUER needs OIDC_AUDIENCE, the name of this server in the tokens: those for others do not count"
                )
            tokens = OutsideTokens(
                provider(config.oidc_issuer, config.oidc_jwks_url),
                config.oidc_audience,
                config.oidc_algorithms,
            )
            accounts.auth.outside = Bearers(
                tokens, users, store, asking, accounts.revocation, registers=config.oidc_register
            )
        yield _sign_on(config, provider, fetcher, users, accounts, secret) if config.sso else None


def _sign_on(
    config: Config,
    provider: Callable[[str], Provider],
    fetcher: Fetcher,
    users: OutsideUsers,
    accounts: Accounts,
    secret: bytes,
) -> SignOn:
    if config.public_url is None:
        raise StartError("SSO_… needs PUBLIC_URL, to which the provider sends browsers back")
    clients = {
        name: Client(provider(one.issuer or ISSUERS[name]), one.client_id, _secret_of(name, one))
        for name, one in config.sso.items()
    }
    return SignOn(
        clients, fetcher, users, accounts.users.attempts, config.public_url, secret, config.oidc_algorithms
    )


def _secret_of(name: str, provider: SsoProvider) -> str | None:
    setting = f"SSO_{name.upper()}_CLIENT_SECRET"
    if provider.client_secret_file is None:
        return None if provider.client_secret is None else provider.client_secret.get_secret_value()
    if provider.client_secret is not None:
        raise StartError(f"{setting} and {setting}_FILE are both given: leave one out")
    try:
        return Path(provider.client_secret_file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(
            f"{setting}_FILE cannot be read: {getattr(error, 'strerror', 'not UTF-8')}"
        ) from None


def _mapper(user: type | None, profile: type[BaseModel] | None) -> Callable[[OpenId], Mapping[str, Any]]:
    own: Callable[[OpenId], Mapping[str, Any]] | None = getattr(user, "sso_mapper", None)

    def state(open_id: OpenId) -> Mapping[str, Any]:
        if profile is None:
            return {}
        try:
            return state_of(profile.model_validate(dict(own(open_id)) if own is not None else {}))
        except ValidationError as error:
            fields = ", ".join(
                sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]})
            )
            raise ValueError(f"sso_mapper of the program's class of users has to give: {fields}") from None

    return state
