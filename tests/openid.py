"""An OpenID Connect provider on a real port, built on Authlib: it knows nothing of walkwire, and checks PKCE, codes and clients.

Its user is whoever `user` says; a browser that comes to `/authorize` has consented already.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, UserInfo
from authlib.oidc.core.grants import OpenIDCode
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

CLIENT, SECRET = "walkwire-client", "the secret of a client"

_spare: list[
    bytes
] = []  # keys of RSA of providers that have ended: each takes 50 ms of the processor to make


@dataclass
class Code(AuthorizationCodeMixin):
    """A code that was given out."""

    code: str
    redirect_uri: str
    scope: str
    nonce: str | None
    user: dict[str, Any]
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> None:
        return None

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class Registered(ClientMixin):
    """The one client."""

    client_id = CLIENT
    id_token_signed_response_alg = None

    def __init__(self, provider: OpenIdProvider) -> None:
        self._provider = provider

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self._provider.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self._provider.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class Asked(OAuth2Request):
    """A request as Authlib wants it."""

    def __init__(self, request: Request, values: dict[str, str]) -> None:
        super().__init__(
            request.method, str(request.url.replace(scheme="https")), headers=dict(request.headers)
        )
        self.headers = {name.title(): value for name, value in request.headers.items()}
        self.payload = BasicOAuth2Payload(values)
        self._values = values

    @property
    def args(self) -> dict[str, str]:
        return self._values

    @property
    def form(self) -> dict[str, str]:
        return self._values


class Server(AuthorizationServer):
    """Authlib's server over Starlette."""

    def __init__(self, provider: OpenIdProvider) -> None:
        super().__init__(["openid", "email", "profile"])
        self._client = Registered(provider)

    def query_client(self, client_id: str) -> Registered | None:
        return self._client if client_id == CLIENT else None

    def save_token(self, token: Any, request: Any) -> None:
        pass

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        pass

    def create_oauth2_request(self, request: Asked) -> Asked:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        if isinstance(body, dict):
            return JSONResponse(body, status, dict(headers))
        return Response(body, status, dict(headers))


@dataclass
class OpenIdProvider:
    """What a test sees of the provider.

    - user: the claims of the one who signs in
    - redirect_uris: those that the client has registered
    - is_away: whether everything is answered with 503
    - asked: how often each path was asked for
    - unfit: other keys that the JWKS has
    - published: keys that the JWKS has, with the one that signs last
    - taken: keys of RSA that no other provider has meanwhile
    """

    issuer: str = ""
    user: dict[str, Any] = field(default_factory=lambda: {"sub": "ada-at-home"})
    redirect_uris: set[str] = field(default_factory=set)
    auth_method: str = "client_secret_basic"
    is_away: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    unfit: list[dict[str, Any]] = field(default_factory=list)
    published: list[RSAKey | ECKey] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    description: dict[str, Any] = field(default_factory=dict)
    forged: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)

    def rotate(self, algorithm: str = "RS256", kid: str | None = None) -> None:
        """Sign with a new key, and publish it beside the others."""
        given = {"kid": kid or secrets.token_hex(4), "alg": algorithm, "use": "sig"}
        if algorithm != "RS256":
            self.published.append(ECKey.generate_key("P-256", given))
            return
        self.taken.append(_spare.pop() if _spare else RSAKey.generate_key(2048).as_pem(private=True))
        self.published.append(RSAKey.import_key(self.taken[-1], given))

    def token(
        self, key: RSAKey | ECKey | None = None, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """A token of the provider, for the audience `api`. A claim that is None is left out."""
        key = key or self.published[-1]
        now = int(time.time())
        all_claims = {"iss": self.issuer, "aud": "api", "iat": now, "exp": now + 600} | self.user | claims
        given = {"alg": key.alg, "kid": key.kid} | (header or {})
        kept = {name: value for name, value in all_claims.items() if value is not None}
        return jwt.encode({k: v for k, v in given.items() if v is not None}, kept, key, [str(given["alg"])])


def _app(provider: OpenIdProvider) -> ASGIApp:
    server = Server(provider)

    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            challenge = data.get("code_challenge"), data.get("code_challenge_method")
            provider.codes[code] = Code(
                code, data["redirect_uri"], request.scope, data.get("nonce"), request.user, *challenge
            )

        def query_authorization_code(self, code: str, client: Any) -> Code | None:
            return provider.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del provider.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
            return authorization_code.user

    class Connect(OpenIDCode):
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return any(code.nonce == nonce for code in provider.codes.values())

        def resolve_client_private_key(self, client: Any) -> RSAKey | ECKey:
            return provider.published[-1]

        def get_client_algorithm(self, client: Any) -> str:
            return str(provider.published[-1].alg)

        def get_encode_header(self, client: Any) -> dict[str, Any]:
            return {"alg": provider.published[-1].alg, "kid": provider.published[-1].kid}

        def get_compatible_claims(self, request: Any) -> dict[str, Any]:
            now = int(time.time())
            return {"iss": provider.issuer, "aud": CLIENT, "iat": now, "exp": now + 300}

        def generate_user_info(self, user: dict[str, Any], scope: str) -> UserInfo:
            return UserInfo(user | provider.forged)

    server.register_grant(CodeGrant, [Connect(require_nonce=True), CodeChallenge(required=True)])
    server.register_token_generator("default", _bearer)

    async def authorize(request: Request) -> Response:
        asked = Asked(request, dict(request.query_params))
        try:
            grant = server.get_consent_grant(asked, provider.user)
        except OAuth2Error as error:
            return server.handle_error_response(asked, error)
        answer: Response = server.create_authorization_response(asked, provider.user, grant=grant)
        return answer

    async def token(request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        answer: Response = server.create_token_response(Asked(request, form))
        return answer

    async def jwks(request: Request) -> Response:
        return JSONResponse(
            {"keys": provider.unfit + [key.as_dict(private=False) for key in provider.published]}
        )

    async def describe(request: Request) -> Response:
        found = {
            "issuer": provider.issuer,
            "authorization_endpoint": f"{provider.issuer}/authorize",
            "token_endpoint": f"{provider.issuer}/token",
            "jwks_uri": f"{provider.issuer}/jwks",
            "token_endpoint_auth_methods_supported": [provider.auth_method],
        }
        return JSONResponse(found | provider.description)

    routes = [
        Route("/authorize", authorize),
        Route("/token", token, methods=["POST"]),
        Route("/jwks", jwks),
        Route("/.well-known/openid-configuration", describe),
    ]
    app = Starlette(routes=routes)

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        provider.asked[scope["path"]] += 1
        await (Response("away", 503) if provider.is_away else app)(scope, receive, send)

    return counting


def _bearer(**order: Any) -> dict[str, Any]:
    return {
        "token_type": "Bearer",
        "access_token": secrets.token_urlsafe(16),
        "expires_in": 300,
        "scope": order["scope"],
    }


@asynccontextmanager
async def open_provider() -> AsyncIterator[OpenIdProvider]:
    """Serve a provider on a free port until the block is left."""
    provider = OpenIdProvider()
    provider.rotate()
    listening = socket.create_server(("127.0.0.1", 0))
    provider.issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(_app(provider), log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listening]))
    try:
        yield provider
    finally:
        server.should_exit = True
        await serving
        _spare.extend(provider.taken)
