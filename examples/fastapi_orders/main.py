"""A coffee bar in FastAPI, as it was, and made live by walkwire: the lines with `realtime` are what was added."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Annotated

import orders
from fastapi import Cookie, Depends, FastAPI, HTTPException, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from walkwire.asgi import Walkwire

HERE = Path(__file__).parent
SECRET = os.environ.get(
    "BAR_SECRET", secrets.token_hex()
).encode()  # without it, a restart signs everybody out
BAR = "bar@example.com"  # who makes the coffee

realtime = Walkwire(HERE / "realtime.py", user_history="durable 100 7d", policy_join="none")
app = FastAPI(title="Coffee bar", lifespan=realtime.lifespan)
app.mount("/live", realtime)


class LogIn(BaseModel):
    email: str


class Order(BaseModel):
    item: str


class State(BaseModel):
    state: str


def _signed(email: str) -> str:
    return f"{hmac.new(SECRET, email.encode(), hashlib.sha256).hexdigest()}:{email}"


def user(session: Annotated[str | None, Cookie()] = None) -> str:
    """The e-mail address of the user whose cookie this is."""
    email = (session or "").partition(":")[2]
    if not email or not hmac.compare_digest(_signed(email).encode(), (session or "").encode()):
        raise HTTPException(401, "Log in first")
    return email


User = Annotated[str, Depends(user)]


@app.post("/api/login")
def log_in(body: LogIn, response: Response) -> dict:
    """Stands for the log-in of your application."""
    response.set_cookie("session", _signed(body.email.strip().lower()), httponly=True, samesite="lax")
    return {"email": body.email.strip().lower()}


@app.get("/api/token")
async def token(email: User) -> dict:
    """A token for the WebSocket, for the user who is logged in here."""
    try:
        return {"token": await realtime.token_for(email), "is_bar": email == BAR}
    except ValueError as error:
        raise HTTPException(422, str(error)) from None


@app.get("/api/orders")
def list_orders(email: User) -> list[dict]:
    return orders.of(None if email == BAR else email)


@app.post("/api/orders")
async def order(body: Order, email: User) -> dict:
    root = await realtime.root_of(await realtime.token_for(email))
    made = orders.add(email, root, body.item[:60])
    await tell(made)
    return made


@app.post("/api/orders/{id}/state")
async def move(id: int, body: State, email: User) -> dict:
    if email != BAR or body.state not in orders.STATES:
        raise HTTPException(403, "Only the bar moves orders")
    moved = orders.move(id, body.state)
    if moved is None:
        raise HTTPException(404, "There is no such order")
    await tell(moved)
    return moved


async def tell(order: dict) -> None:
    """Tell the guest and the bar, wherever they are logged in; those who are away hear it when they come back."""
    bar = await realtime.root_of(await realtime.token_for(BAR))
    await realtime.notify_users([order["root"], bar], {"type": "order", "data": order})


@app.get("/", include_in_schema=False)
def page() -> FileResponse:
    return FileResponse(HERE / "public" / "index.html")


app.mount("/public", StaticFiles(directory=HERE / "public"))
