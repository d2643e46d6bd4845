"""Fetch: requests to a provider, bounded in time and size. Redirects are not followed, and the environment names no proxy."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from walkwire.errors import StartError, WalkwireError
from walkwire.urls import is_safe_url

if TYPE_CHECKING:
    from httpx import AsyncClient

SECONDS = 5.0  # from connecting to the last byte
LARGEST = 256 * 1024  # bytes of an answer
CONNECTIONS = 8


class ProviderAway(WalkwireError):
    """The provider did not answer in time, or not with a JSON object. The sentence is for the log."""


@asynccontextmanager
async def open_fetcher() -> AsyncIterator[Fetcher]:
    """Yield a fetcher, and close its connections when the block is left. Raises StartError if httpx is not installed."""
    try:
        import httpx
    except ModuleNotFoundError:
        raise StartError(
            "OIDC_ISSUER and SSO_… need the packages httpx and cryptography: pip install 'walkwire[identity]'"
        ) from None
    trust = ssl.create_default_context()
    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=SECONDS, limits=limits) as client:
        yield Fetcher(client)


class Fetcher:
    """Fetches JSON objects."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def get(self, url: str) -> dict[str, Any]:
        """Return the object at a URL. Raises ProviderAway."""
        status, found = await self._send("GET", url)
        if status != 200:
            raise ProviderAway(f"{url} answered with {status}")
        return found

    async def post(
        self, url: str, form: Mapping[str, str], login: tuple[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Post a form. Returns the status and the object. Raises ProviderAway.

        - login: user and password for HTTP's basic authentication
        """
        return await self._send("POST", url, data=dict(form), auth=login)

    async def _send(self, method: str, url: str, **options: Any) -> tuple[int, dict[str, Any]]:
        from httpx import HTTPError, InvalidURL

        if not is_safe_url(url):
            raise ProviderAway(f"{url} is neither https nor on this machine")
        headers = {"Accept": "application/json"}
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._client.stream(method, url, headers=headers, **options) as response,
            ):
                body = bytearray()
                async for part in response.aiter_bytes(LARGEST):
                    body += part
                    if len(body) > LARGEST:
                        raise ProviderAway(f"{url} answered with more than {LARGEST} bytes")
            found = json.loads(body)
        except (HTTPError, InvalidURL, OSError) as error:
            raise ProviderAway(f"{url} cannot be reached: {type(error).__name__}") from None
        except (ValueError, RecursionError):
            raise ProviderAway(f"{url} answered with {response.status_code}, and without JSON") from None
        if not isinstance(found, dict):
            raise ProviderAway(f"{url} answered with JSON that is no object")
        return response.status_code, found
