"""Keys are replaced without a token that fails meanwhile; each key verifies only what was signed in its way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.account.conftest import Clock
from walkwire.account.signing.keys import open_keys
from walkwire.account.token import Tokens
from walkwire.config import Config
from walkwire.errors import StartError
from walkwire.ids import new_id
from walkwire.store import UserRecord

SECRET = b"s" * 32
USER = UserRecord(new_id(), "a@example.com", "hash", new_id(), token_generation=3)


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def hs256(claims: dict[str, Any], secret: bytes, **header: str) -> str:
    """A token signed with any bytes, also those that PyJWT refuses to sign with."""
    parts = [{"alg": "HS256", "typ": "JWT"} | header, claims]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    signature = hmac.digest(secret, b".".join(texts), hashlib.sha256)
    return b".".join([*texts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def files(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> dict[str, str]:
    """A key of each kind, by its algorithm."""
    made = {
        "HS256": ("spring.secret", b"k" * 40),
        "RS256": ("summer.pem", pem_of(rsa_key)),
        "ES256": ("autumn.pem", pem_of(ec.generate_private_key(ec.SECP256R1()))),
    }
    for name, content in made.values():
        (tmp_path / name).write_bytes(content)
    return {algorithm: str(tmp_path / name) for algorithm, (name, _) in made.items()}


def tokens_of(clock: Clock, *files: str, signer: str | None = None) -> Tokens:
    config = Config(token_key_files=files, token_signer=signer)
    return Tokens(SECRET, clock, open_keys(config, SECRET))


@pytest.mark.parametrize(
    ("algorithm", "kid"), [("HS256", "spring"), ("RS256", "summer"), ("ES256", "autumn")]
)
def test_a_key_is_replaced_while_all_tokens_stay_valid(
    algorithm: str, kid: str, files: dict[str, str], clock: Clock
) -> None:
    before = tokens_of(clock)
    knows = tokens_of(clock, files[algorithm])
    signs = tokens_of(clock, files[algorithm], signer=kid)
    old, known, new = (tokens.make(USER)[0] for tokens in (before, knows, signs))

    for one in (before, knows):  # servers of two steps that follow each other run at the same time
        assert [one.read(token) is not None for token in (old, known)] == [True, True]
    for one in (knows, signs):
        assert [one.read(token) is not None for token in (old, known, new)] == [True, True, True]
    assert before.read(new) is None
    assert jwt.get_unverified_header(new) == {"alg": algorithm, "kid": kid, "typ": "JWT"}
    assert "kid" not in jwt.get_unverified_header(known)


def test_a_key_that_was_removed_verifies_nothing(files: dict[str, str], clock: Clock) -> None:
    old, _ = tokens_of(clock, files["RS256"], signer="summer").make(USER)
    assert tokens_of(clock, files["RS256"], files["ES256"], signer="autumn").read(old) is not None
    assert tokens_of(clock, files["ES256"], signer="autumn").read(old) is None


def test_a_public_key_is_no_secret_and_a_key_has_one_algorithm(
    files: dict[str, str], rsa_key: rsa.RSAPrivateKey, clock: Clock
) -> None:
    tokens = tokens_of(clock, *files.values(), signer="summer")
    claims = {"sub": USER.id, "root": USER.root_id, "tokens": 3, "exp": int(clock.now) + 60}
    public = rsa_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert tokens.read(jwt.encode(claims, rsa_key, "RS256", {"kid": "summer"})) is not None
    for forged in (
        hs256(claims, public, kid="summer"),
        hs256(claims, public),
        jwt.encode(claims, None, "none", {"kid": "summer"}),
        jwt.encode(claims, rsa_key, "RS512", {"kid": "summer"}),
        jwt.encode(claims, rsa_key, "PS256", {"kid": "summer"}),
        jwt.encode(claims, rsa_key, "RS256"),  # without `kid` only the secret counts
        jwt.encode(claims, SECRET, "HS256", {"kid": "summer"}),
        jwt.encode(claims, SECRET, "HS256", {"kid": "unknown"}),
        jwt.encode(claims, SECRET, "HS256", {"kid": "../../dev/null"}),
        jwt.encode(claims, b"k" * 40, "HS256"),
    ):
        assert tokens.read(forged) is None


def test_only_public_halves_are_published(files: dict[str, str]) -> None:
    keys = open_keys(Config(token_key_files=tuple(files.values())), SECRET)
    published = {jwk["kid"]: jwk for jwk in keys.published}
    assert set(published) == {"summer", "autumn"}
    assert set(published["summer"]) == {"kty", "n", "e", "kid", "use", "alg"}
    assert set(published["autumn"]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    token = open_keys(Config(token_key_files=(files["ES256"],), token_signer="autumn"), SECRET).sign({"a": 1})
    assert jwt.decode(token, jwt.PyJWK(published["autumn"]), ["ES256"]) == {"a": 1}
    assert "kkkk" not in json.dumps(keys.published)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("short.secret", b"x" * 31, "has 31 bytes; it needs at least 32"),
        ("bad name.pem", b"x" * 40, "is the key's `kid`"),
        (
            "broken.pem",
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "is not a private key",
        ),
        ("small.pem", lambda: pem_of(rsa.generate_private_key(65537, 1024)), "is neither RSA of 2048 bits"),
        ("curve.pem", lambda: pem_of(ec.generate_private_key(ec.SECP384R1())), "is neither RSA of 2048 bits"),
        ("other.pem", lambda: pem_of(ed25519.Ed25519PrivateKey.generate()), "is neither RSA of 2048 bits"),
    ],
)
def test_an_unfit_key_is_refused_at_the_start_and_not_quoted(
    name: str, content: object, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content() if callable(content) else content)  # type: ignore[arg-type]
    with pytest.raises(StartError, match=sentence) as raised:
        open_keys(Config(token_key_files=(str(tmp_path / name),)), SECRET)
    assert "xxxx" not in str(raised.value)
    assert "BEGIN" not in str(raised.value)


def test_a_signer_that_is_not_there_and_a_kid_given_twice_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.secret").write_bytes(b"x" * 40)
    (tmp_path / "a.pem").write_bytes(b"y" * 40)
    with pytest.raises(StartError, match="TOKEN_SIGNER is 'b', which no file"):
        open_keys(Config(token_key_files=(str(tmp_path / "a.pem"),), token_signer="b"), SECRET)
    with pytest.raises(StartError, match="two keys 'a'"):
        open_keys(Config(token_key_files=(str(tmp_path / "a.pem"), str(tmp_path / "a.secret"))), SECRET)
    with pytest.raises(StartError, match="cannot be read"):
        open_keys(Config(token_key_files=(str(tmp_path / "absent.pem"),)), SECRET)
