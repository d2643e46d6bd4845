"""Keys: the keys that sign and verify our own tokens: the signing secret, and keys from files, each named by its `kid`.

One key signs and all verify, so that a key is replaced without downtime: first every server gets the new one, then it signs,
then the old one is removed.

A token verifies only by the key that its `kid` names, and only with the algorithm of that key: so a public key never counts as a
secret. A token without `kid` verifies by the signing secret alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt

from walkwire.account.secret import read_secret
from walkwire.config import Config
from walkwire.errors import StartError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

SHORTEST_RSA = 2048  # bits: RFC 7518 §3.3

_SECRET_ALGORITHM = "HS256"  # noqa: S105 - the name of an algorithm
_KID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class Key(NamedTuple):
    """A key for tokens.

    - algorithm: the only one that it is used with: HS256, RS256 or ES256
    - private, public: signs and verifies; for HS256 both are the secret
    - jwk: the public key, to be published; None for a secret
    """

    kid: str
    algorithm: str
    private: Any  # bytes, or a private key of cryptography
    public: Any  # bytes, or a public key of cryptography
    jwk: dict[str, Any] | None = None


class Keys:
    """The keys of a server.

    - secret: signs unless `signer` is given, and verifies tokens without `kid`
    - signer: the `kid` of the key that signs
    """

    def __init__(self, secret: bytes, keys: Sequence[Key] = (), signer: str | None = None) -> None:
        self._secret = secret
        self._keys = {key.kid: key for key in keys}
        self._signer = None if signer is None else self._keys[signer]

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a signed token."""
        key = self._signer
        if key is None:
            return jwt.encode(claims, self._secret, _SECRET_ALGORITHM)
        return jwt.encode(claims, key.private, key.algorithm, {"kid": key.kid})

    def verify(self, token: str, options: jwt.types.Options) -> dict[str, Any]:
        """Return the claims of a token that one of the keys signed. Raises jwt.InvalidTokenError, and KeyError for its `kid`."""
        if self._keys and (kid := jwt.get_unverified_header(token).get("kid")) is not None:
            key = self._keys[kid]
            return jwt.decode(token, key.public, [key.algorithm], options)
        return jwt.decode(token, self._secret, [_SECRET_ALGORITHM], options)

    @property
    def published(self) -> list[dict[str, Any]]:
        """Return the public keys as JSON Web Keys (RFC 7517)."""
        return [key.jwk for key in self._keys.values() if key.jwk is not None]


def open_keys(config: Config, secret: bytes) -> Keys:
    """Return the keys of TOKEN_KEY_FILES, and the one of them that TOKEN_SIGNER names. Raises StartError."""
    keys: dict[str, Key] = {}
    for place in map(Path, config.token_key_files):
        key = _read(place)
        if keys.setdefault(key.kid, key) is not key:
            raise StartError(
                f"TOKEN_KEY_FILES names two keys {key.kid!r}: a key is known by the name of its file"
            )
    if config.token_signer is not None and config.token_signer not in keys:
        known = ", ".join(map(repr, keys)) or "none"
        raise StartError(
            f"TOKEN_SIGNER is {config.token_signer!r}, which no file of TOKEN_KEY_FILES holds; there is: {known}"
        )
    return Keys(secret, list(keys.values()), config.token_signer)


def _read(place: Path) -> Key:
    kid = place.stem
    if not _KID.match(kid):
        raise StartError(
            f"The name of the key file {place.name!r} is the key's `kid`: 1 to 64 letters, digits and . _ -"
        )
    try:
        text = place.read_bytes()
    except OSError as error:
        raise StartError(f"The key {kid!r} of TOKEN_KEY_FILES cannot be read: {error.strerror}") from None
    if b"-----BEGIN" in text:
        return _asymmetric(kid, text)
    secret = read_secret(place, f"The key {kid!r} of TOKEN_KEY_FILES")
    return Key(kid, _SECRET_ALGORITHM, secret, secret)


def _asymmetric(kid: str, pem: bytes) -> Key:
    private = _private_key(kid, pem)
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm

    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= SHORTEST_RSA:
        algorithm, jwk = "RS256", RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    elif isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        algorithm, jwk = "ES256", ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        raise StartError(
            f"The key {kid!r} of TOKEN_KEY_FILES is neither RSA of {SHORTEST_RSA} bits or more nor EC of P-256"
        )
    shown = {name: value for name, value in jwk.items() if name != "key_ops"}
    return Key(
        kid, algorithm, private, private.public_key(), shown | {"kid": kid, "use": "sig", "alg": algorithm}
    )


def _private_key(kid: str, pem: bytes) -> PrivateKeyTypes:
    try:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ModuleNotFoundError:
        raise StartError(
            "A key in PEM format needs the package cryptography: pip install 'walkwire[identity]'"
        ) from None
    try:
        return load_pem_private_key(pem, None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        raise StartError(
            f"The key {kid!r} of TOKEN_KEY_FILES is not a private key in PEM format without a passphrase"
        ) from None
