"""Secret: the secret that signs tokens. The operator gives it; in development, one that is missing is made once and stored.

It is stored beside the database, readable by its owner only, so that tokens stay valid across restarts.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

import jwt

from walkwire.config import SECRET_BYTES, Config
from walkwire.errors import StartError


def signing_secret(config: Config, database: Path | None) -> bytes:
    """Return the secret that tokens are signed with, at least 32 bytes. Raises StartError.

    In development, one that is not given is made once and kept beside the file `database`; None: in the current folder.
    """
    if config.token_secret is not None and config.token_secret_file is not None:
        raise StartError("TOKEN_SECRET and TOKEN_SECRET_FILE are both given: leave one out")
    if config.token_secret is not None:
        return _checked(config.token_secret.get_secret_value().encode(), "TOKEN_SECRET")
    if config.token_secret_file is not None:
        return read_secret(Path(config.token_secret_file), "TOKEN_SECRET_FILE")
    if config.production:
        raise StartError(
            f"Production needs a signing secret of at least {SECRET_BYTES} bytes: set WALKWIRE_TOKEN_SECRET, or"
            " WALKWIRE_TOKEN_SECRET_FILE to the path of a file that holds it"
        )
    return _kept(place_of_secret(database))


def place_of_secret(database: Path | None) -> Path:
    """Return where the secret of development is kept: beside the file of a database, else in the current folder."""
    return Path("walkwire.secret") if database is None else Path(f"{database}.secret")


def _kept(place: Path) -> bytes:
    with contextlib.suppress(FileExistsError):
        _make(place)
    with contextlib.suppress(OSError):
        if place.stat().st_mode & 0o077:
            place.chmod(0o600)
    return read_secret(place, "The signing secret")


def _make(place: Path) -> None:
    """Write a new secret atomically. Raises FileExistsError if there is one, StartError if it cannot be written."""
    if place.exists():
        raise FileExistsError
    draft = place.with_name(f"{place.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        place.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError as error:
        raise StartError(f"The signing secret cannot be kept in {place}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def read_secret(place: Path, what: str) -> bytes:
    """Return the secret in a file, which `what` names in errors. Raises StartError if it is unfit to sign with."""
    try:
        secret = place.read_bytes().strip()
    except OSError as error:
        raise StartError(f"{what} cannot be read from {place}: {error.strerror}") from None
    if len(secret) < SECRET_BYTES:
        raise StartError(f"{what} in {place} has {len(secret)} bytes; it needs at least {SECRET_BYTES}")
    return _checked(secret, f"{what} in {place}")


def _checked(secret: bytes, what: str) -> bytes:
    """Return the secret. Raises StartError if it is a public key or a certificate, which PyJWT does not sign with."""
    try:
        jwt.encode({}, secret, "HS256")
    except jwt.InvalidKeyError:
        raise StartError(
            f"{what} is a key or a certificate in PEM or SSH format; a signing secret is random text, as from"
            " `openssl rand -base64 48`"
        ) from None
    return secret
