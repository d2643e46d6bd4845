"""Sso: the routes by which browsers sign in at an outside provider, with the paths and words of Jac Cloud."""

# Without `from __future__ import annotations`: see `users.py`.

import msgspec
from fastapi import FastAPI, Request, Response

from walkwire.account.outside.sign_on import LIFETIME, Operation, SignOn, SignOnFailed, Unknown
from walkwire.account.outside.users import AddressTaken, FieldsRefused
from walkwire.account.user import Users
from walkwire.server.http.accounts.users import LoginAnswer, session_answer
from walkwire.server.http.answers import Message
from walkwire.server.http.bearer import address_of
from walkwire.server.http.gone import unless_gone
from walkwire.server.http.route import FixedRoute

_TAGS = ["SSO APIs"]
_NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}  # the URL holds a code


def serve_sign_on(api: FastAPI, sign_on: SignOn, users: Users) -> None:
    """Add the routes of single sign-on."""
    # A browser takes a cookie of this prefix only over TLS and for this host alone, so that no neighbour domain can set it.
    cookie = "__Host-walkwire-sso" if sign_on.is_secure else "walkwire-sso"

    async def sso_operation(provider: str, operation: str) -> Response:
        """Send the browser to the provider. The operation is `login` or `register`."""
        if (known := sign_on.operation(provider, operation)) is None:
            return _message(501, "Feature not yet implemented!")
        departure = await sign_on.depart(provider, known)
        answer = Response(None, 302, {"Location": departure.url, **_NO_STORE})
        answer.set_cookie(
            cookie, departure.cookie, LIFETIME, secure=sign_on.is_secure, httponly=True, samesite="lax"
        )
        return answer

    async def sso_callback(provider: str, operation: str, request: Request) -> Response:
        """The token and the user, as a log-in gives them."""
        if (known := sign_on.operation(provider, operation)) is None:
            return _message(501, "Feature not yet implemented!")
        answer = await _arrived(sign_on, users, provider, known, request, request.cookies.get(cookie))
        answer.headers.update(_NO_STORE)
        answer.delete_cookie(cookie, secure=sign_on.is_secure, httponly=True, samesite="lax")
        return answer

    api.router.routes += [
        FixedRoute(
            "/sso/{provider}/{operation}",
            sso_operation,
            methods=["GET"],
            tags=[*_TAGS],
            status_code=302,
            response_class=Response,
            responses={501: {"model": Message}},
        ),
        FixedRoute(
            "/sso/{provider}/{operation}/callback",
            sso_callback,
            methods=["GET"],
            tags=[*_TAGS],
            response_model=LoginAnswer,
            responses={403: {"model": Message}, 409: {"model": Message}, 501: {"model": Message}},
        ),
    ]


async def _arrived(
    sign_on: SignOn, users: Users, provider: str, operation: Operation, request: Request, cookie: str | None
) -> Response:
    arriving = sign_on.arrive(provider, operation, request.query_params, cookie, address=address_of(request))
    try:
        user = await unless_gone(request, arriving)
    except SignOnFailed:
        return _message(403, "Single sign-on failed!")
    except Unknown:
        return _message(403, "Not Existing!")
    except (AddressTaken, FieldsRefused):
        return _message(409, "Registration Failed!")
    session = await users.open_session(user)
    return _message(403, "Single sign-on failed!") if session is None else session_answer(session)


def _message(status: int, message: str) -> Response:
    return Response(msgspec.json.encode({"message": message}), status, media_type="application/json")
