"""Users: the routes under /user: register, log in, refresh, log out, change the password, replace a lost one."""

# Without `from __future__ import annotations`: FastAPI could not find `bearer`, a local name, in the text of an annotation.

import secrets
import time
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, HTTPException, Request, Response, Security
from pydantic import BaseModel, ConfigDict, create_model

from walkwire.account.auth import Auth, Caller
from walkwire.account.reset import Resets
from walkwire.account.session import Session, Sessions
from walkwire.account.signing.keys import Keys
from walkwire.account.signing.verification import Verification
from walkwire.account.user import (
    Login,
    Logout,
    PasswordChange,
    Refresh,
    Registration,
    Reset,
    ResetRequest,
    Unverified,
    Users,
    VerificationCode,
)
from walkwire.errors import BadEvent, Refused
from walkwire.server.browser.cookie import Cookies, forget_cookie
from walkwire.server.http.answers import Detail, Message, Refusal
from walkwire.server.http.bearer import Bearer, address_of
from walkwire.server.http.gone import unless_gone
from walkwire.server.http.route import FixedRoute
from walkwire.store import UserExists
from walkwire.walk.walker.fields import values_of
from walkwire.walk.walker.report import encode_fields

TAGS = ["User APIs"]

_NOT_STORED = {"Cache-Control": "no-store"}  # RFC 6749 §5.1

_LIMITED: dict[int | str, dict[str, Any]] = {
    429: {"model": Refusal, "description": "Too many attempts: try again after the seconds of `Retry-After`"}
}


_NOT_STORED = {"Cache-Control": "no-store"}  # RFC 6749 §5.1


class UserOut(BaseModel):
    """A user as its own client sees it, with the fields that the program gives its users.

    `expiration` is the Unix second at which the token ends. `state` is a new random string at each log-in and means nothing.
    """

    model_config = ConfigDict(extra="allow")

    id: str
    email: str
    root_id: str
    is_activated: bool
    is_admin: bool
    expiration: int
    state: str


class LoginAnswer(BaseModel):
    """The token to send as `Authorization: Bearer TOKEN`."""

    token: str
    user: UserOut


class RefreshAnswer(LoginAnswer):
    """A token that is valid for a short time, and the refresh token by which it is replaced.

    `refresh_expiration` is the Unix second at which the refresh token ends.
    """

    refresh_token: str
    refresh_expiration: int


class CookieAnswer(BaseModel):
    """The answer where the token is a cookie. `csrf_token` is the value for `X-CSRF-Token`."""

    csrf_token: str
    user: UserOut


def serve_accounts(api: FastAPI, users: Users, auth: Auth, profile: type[BaseModel] | None = None) -> None:
    """Add the routes to register, log in and change the password. `profile` models the program's own fields of users."""
    bearer = Bearer(auth)
    model = _registration(profile)

    async def register(registration: model, request: Request) -> Response:  # type: ignore[valid-type]
        """Make a user, with a root of their own."""
        account: Any = registration
        try:
            await unless_gone(
                request,
                users.register(
                    account.email, account.password, state_of(account), address=address_of(request)
                ),
            )
        except UserExists:
            raise HTTPException(409, "Already Exists!") from None
        return _json(201, {"message": "Successfully Registered!"})

    async def login(login: Login, request: Request) -> Response:
        """A token for twelve hours; with `refresh`, one for a quarter of an hour, and a refresh token.

        With `cookie`, the token is set as a cookie that no script can read, and not shown.
        """
        if login.cookie and login.refresh:
            raise BadEvent(
                "Of `cookie` and `refresh`, a log-in has one: no script may read the refresh token of a cookie"
            )
        if login.cookie and not _is_from_here(request):
            raise Refused("A page of this origin may not log in with a cookie")
        logging_in = users.login(
            login.email, login.password, has_refresh=login.refresh, address=address_of(request)
        )
        try:
            session = await unless_gone(request, logging_in)
        except Unverified:
            raise HTTPException(400, "Account not yet verified! Resending verification code...") from None
        if session is None:
            return _json(400, {"message": "Invalid Email/Password!"})
        if login.cookie:
            return _with_cookie(session, request.app.state.cookies)
        return session_answer(session)

    async def change_password(
        change: PasswordChange, caller: Annotated[Caller, Security(bearer)], request: Request
    ) -> Response:
        """Change the password. All tokens of the user are revoked, the one that asked included."""
        assert caller.user_id is not None  # the bearer of a token is a user
        changing = users.change_password(
            caller.user_id, change.old_password, change.new_password, address=address_of(request)
        )
        if not await unless_gone(request, changing):
            return _json(403, {"message": "Update Failed!"})
        answer = _json(200, {"message": "Successfully Updated!"})
        forget_cookie(request, answer)
        return answer

    api.router.routes += [
        _route("register", register, 201, Message, {409: {"model": Detail}}),
        _route(
            "login",
            login,
            200,
            RefreshAnswer | LoginAnswer | CookieAnswer,
            {400: {"model": Message | Detail}, 403: {"model": Refusal}},
        ),
        _route(
            "change_password",
            change_password,
            200,
            Message,
            {401: {"model": Detail}, 403: {"model": Message | Detail}},
        ),
    ]


def serve_sessions(api: FastAPI, sessions: Sessions, auth: Auth) -> None:
    """Add the routes to refresh a token and to log out."""
    bearer = Bearer(auth)

    async def refresh(order: Refresh, request: Request) -> Response:
        """Replace a refresh token, which is valid once, and the token beside it. 401: log in again."""
        session = await sessions.refresh(order.refresh_token)
        if session is None:
            raise HTTPException(401, "Unauthorized")
        return session_answer(session)

    async def logout(request: Request, order: Logout | None = None) -> Response:
        """End the session of the token, or of the refresh token in the body: its tokens are revoked, and no others."""
        if order is not None and order.refresh_token is not None:
            await sessions.end_by_refresh_token(order.refresh_token)
        else:
            caller = await bearer(request)
            await sessions.end(caller.root_id, caller.session, caller.expires)
        answer = _json(200, {"message": "Successfully Logged Out!"})
        forget_cookie(request, answer)
        return answer

    async def logout_all(caller: Annotated[Caller, Security(bearer)], request: Request) -> Response:
        """End all sessions of the user: all tokens are revoked, the one that asked included."""
        await sessions.end_all(caller.root_id, caller.token_generation)
        answer = _json(200, {"message": "Successfully Logged Out!"})
        forget_cookie(request, answer)
        return answer

    refused: dict[int | str, dict[str, Any]] = {401: {"model": Detail}, 403: {"model": Detail}}
    api.router.routes += [
        _route("refresh", refresh, 200, RefreshAnswer, {401: {"model": Detail}}),
        _route("logout", logout, 200, Message, refused, security=[{bearer.scheme_name: []}, {}]),
        _route("logout-all", logout_all, 200, Message, refused),
    ]


def serve_resets(api: FastAPI, resets: Resets) -> None:
    """Add the routes to replace a lost password."""

    async def forgot_password(order: ResetRequest, request: Request) -> Response:
        """Have a code sent to the address of an account. The answer is the same where there is none."""
        resets.send_code(order.email, address=address_of(request))
        return _json(200, {"message": "Reset password email sent!"})

    async def reset_password(reset: Reset, request: Request) -> Response:
        """Replace the password, with a code that was sent. All tokens of the user are revoked."""
        replacing = resets.replace(reset.code, reset.password, address=address_of(request))
        if not await unless_gone(request, replacing):
            return _json(403, {"message": "Failed to reset password!"})
        return _json(200, {"message": "Password reset successfully!"})

    api.router.routes += [
        _route("forgot_password", forgot_password, 200, Message, {}),
        _route("reset_password", reset_password, 200, Message, {403: {"model": Message}}),
    ]


def serve_verification(api: FastAPI, verification: Verification, auth: Auth) -> None:
    """Add the routes to prove an e-mail address."""
    bearer = Bearer(auth)

    async def send_verification_code(
        caller: Annotated[Caller, Security(bearer)], request: Request
    ) -> Response:
        """Have a code sent to the own address."""
        assert caller.user_id is not None  # the bearer of a token is a user
        if not await verification.send_code(caller.user_id, address=address_of(request)):
            return _json(400, {"message": "Account is already verified!"})
        return _json(200, {"message": "Successfully sent verification code!"})

    async def verify(proof: VerificationCode, request: Request) -> Response:
        """Prove the address, with a code that was sent there."""
        if not await verification.verify(proof.code, address=address_of(request)):
            return _json(403, {"message": "Verification Failed!"})
        return _json(200, {"message": "Successfully Verified!"})

    refusals: dict[int | str, dict[str, Any]] = {
        400: {"model": Message},
        401: {"model": Detail},
        403: {"model": Detail},
    }
    api.router.routes += [
        _route("send-verification-code", send_verification_code, 200, Message, refusals),
        _route("verify", verify, 200, Message, {403: {"model": Message}}),
    ]


def serve_keys(api: FastAPI, keys: Keys) -> None:
    """Add the route that publishes the keys by which others verify our tokens."""

    async def show_keys(request: Request) -> Response:
        return _json(200, {"keys": keys.published}, {"Cache-Control": "public, max-age=300"})

    api.add_route("/.well-known/jwks.json", show_keys, include_in_schema=False)


def _registration(profile: type[BaseModel] | None) -> type[BaseModel]:
    if profile is None:
        return Registration
    made: type[BaseModel] = create_model("Registration", __base__=(Registration, profile))
    return made


def state_of(account: BaseModel) -> dict[str, Any]:
    """Return the program's own fields, as JSON values."""
    own = {name: value for name, value in values_of(account).items() if name not in Registration.model_fields}
    return msgspec.json.decode(encode_fields(own))  # type: ignore[no-any-return]


def _route(
    name: str,
    endpoint: Any,
    status: int,
    model: Any,
    refusals: dict[int | str, dict[str, Any]],
    **described: Any,
) -> FixedRoute:
    return FixedRoute(
        f"/user/{name}",
        endpoint,
        methods=["POST"],
        operation_id=name,
        tags=[*TAGS],
        status_code=status,
        response_model=model,
        responses=_LIMITED | refusals,
        openapi_extra=described,
    )


def session_answer(session: Session) -> Response:
    """Return the answer to a log-in or a refresh: the tokens and the user."""
    answer: dict[str, Any] = {"token": session.token, "user": _shown(session)}
    if session.refresh_token is not None:
        answer |= {"refresh_token": session.refresh_token, "refresh_expiration": session.refresh_expires}
    return _json(200, answer, _NOT_STORED)


def _shown(session: Session) -> dict[str, Any]:
    user = session.user
    return {
        **user.state,
        "id": user.id,
        "email": user.email,
        "root_id": user.root_id,
        "is_activated": user.is_ready,
        "is_admin": user.is_admin,
        "expiration": session.expires,
        "state": secrets.token_urlsafe(6),
    }


def _with_cookie(session: Session, cookies: Cookies) -> Response:
    csrf_token = cookies.csrf_token(session.token)
    answer = _json(200, {"csrf_token": csrf_token, "user": _shown(session)}, _NOT_STORED)
    cookies.remember(answer, session.token, max(0, session.expires - int(time.time())))
    return answer


def _is_from_here(request: Request) -> bool:
    """Return whether the page that sent this may use the server. Another one must not log its visitor in as somebody else."""
    allowed: bool = request.app.state.allows_origin(
        request.headers.get("origin"), request.headers.get("host")
    )
    return allowed


def _json(status: int, content: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")
