"""Users: the routes under /user: register, log in, change the password, replace a lost one."""

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
from walkwire.account.user import Login, PasswordChange, Registration, Reset, ResetRequest, Session, Users
from walkwire.errors import Refused
from walkwire.server.browser.cookie import Cookies, forget_cookie
from walkwire.server.http.answers import Detail, Message, Refusal
from walkwire.server.http.bearer import Bearer, address_of
from walkwire.server.http.gone import unless_gone
from walkwire.server.http.route import Route
from walkwire.store import UserExists
from walkwire.walk.walker.fields import values_of
from walkwire.walk.walker.report import encode_fields

TAGS = ["User APIs"]

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
                users.register(account.email, account.password, _state(account), address=address_of(request)),
            )
        except UserExists:
            raise HTTPException(409, "Already Exists!") from None
        return _json(201, {"message": "Successfully Registered!"})

    async def login(login: Login, request: Request) -> Response:
        """A token for twelve hours. With `cookie`, it is set as a cookie that no script can read, and not shown."""
        if login.cookie and not _is_from_here(request):
            raise Refused("A page of this origin may not log in with a cookie")
        session = await unless_gone(
            request, users.login(login.email, login.password, address=address_of(request))
        )
        if session is None:
            return _json(400, {"message": "Invalid Email/Password!"})
        if login.cookie:
            return _with_cookie(session, request.app.state.cookies)
        return _json(200, _session(session), _NOT_STORED)

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
            LoginAnswer | CookieAnswer,
            {400: {"model": Message}, 403: {"model": Refusal}},
        ),
        _route(
            "change_password",
            change_password,
            200,
            Message,
            {401: {"model": Detail}, 403: {"model": Message | Detail}},
        ),
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


def _registration(profile: type[BaseModel] | None) -> type[BaseModel]:
    if profile is None:
        return Registration
    made: type[BaseModel] = create_model("Registration", __base__=(Registration, profile))
    return made


def _state(account: BaseModel) -> dict[str, Any]:
    """Return the program's own fields, as JSON values."""
    own = {name: value for name, value in values_of(account).items() if name not in Registration.model_fields}
    return msgspec.json.decode(encode_fields(own))  # type: ignore[no-any-return]


def _route(
    name: str, endpoint: Any, status: int, model: Any, refusals: dict[int | str, dict[str, Any]]
) -> Route:
    return Route(
        f"/user/{name}",
        endpoint,
        methods=["POST"],
        operation_id=name,
        tags=[*TAGS],
        status_code=status,
        response_model=model,
        responses=_LIMITED | refusals,
    )


def _session(session: Session) -> dict[str, Any]:
    user = session.user
    shown = {
        **user.state,
        "id": user.id,
        "email": user.email,
        "root_id": user.root_id,
        "is_activated": user.is_activated,
        "is_admin": user.is_admin,
        "expiration": session.expires,
        "state": secrets.token_urlsafe(6),
    }
    return {"token": session.token, "user": shown}


def _with_cookie(session: Session, cookies: Cookies) -> Response:
    shown = _session(session)
    token = shown.pop("token")
    answer = _json(200, {"csrf_token": cookies.csrf_token(token), **shown}, _NOT_STORED)
    cookies.remember(answer, token, max(0, session.expires - int(time.time())))
    return answer


def _is_from_here(request: Request) -> bool:
    """Return whether the page that sent this may use the server. Another one must not log its visitor in as somebody else."""
    allowed: bool = request.app.state.allows_origin(
        request.headers.get("origin"), request.headers.get("host")
    )
    return allowed


def _json(status: int, content: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")
