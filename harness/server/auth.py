"""Identities and tokens.

A token is a JWT signed with ES256 by this server. The identity is computed from its issuer and
subject, so that a token alone says who its bearer is. Keys lie in the data directory, readable by
the owner only; without one they live as long as the process.

Source of the derivation: `crates/lib/src/identity.rs` and `crates/auth/src/identity.rs` of
SpacetimeDB 2.8.3.
"""

from __future__ import annotations

import os
import secrets
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import jwt
from blake3 import blake3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.errors import HarnessError, StoreError
from harness.wire.values import Identity

ISSUER = "localhost"
#: How long a token for a WebSocket handshake is good for, in seconds.
SHORT_LIVED_S = 60
#: Longer tokens are refused unread.
MAX_TOKEN = 8192


class AuthError(HarnessError):
    """A token is not accepted. ``status`` is the HTTP status to answer with."""

    def __init__(self, message: str, status: int = 401) -> None:
        super().__init__(message)
        self.status = status


def identity_of(issuer: str, subject: str) -> Identity:
    """The identity that a token's issuer and subject stand for."""
    digest = blake3(f"{issuer}|{subject}".encode()).digest()[:26]
    checksum = blake3(b"\xc2\x00" + digest).digest()[:4]
    return Identity((b"\xc2\x00" + checksum + digest)[::-1])


class Authority:
    """Mints and verifies tokens with one key pair. ``now_s`` gives the Unix time in seconds."""

    def __init__(
        self, key: ec.EllipticCurvePrivateKey, now_s: Callable[[], float] = time.time
    ) -> None:
        self._key = key
        self._public = key.public_key()
        #: Stands in tokens that are good for this run of the server only.
        self._run = secrets.token_hex(16)
        self._now_s = now_s

    @classmethod
    def open(cls, directory: Path | None) -> Authority:
        """The keys of a data directory, made on first use; None keeps them in memory.

        Raises ``StoreError`` if the key file cannot be read.
        """
        if directory is None:
            return cls(ec.generate_private_key(ec.SECP256R1()))
        path = directory / "id_ecdsa.pem"
        if not path.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            pem = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            write_private(path, pem)
            return cls(key)
        try:
            loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise StoreError(f"the server's key {path} cannot be read: {error}") from error
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise StoreError(f"the server's key {path} is not an elliptic-curve key")
        return cls(loaded)

    @property
    def public_pem(self) -> str:
        """The public key as PEM."""
        return self._public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    def mint(self) -> tuple[Identity, str]:
        """A new identity and its token, which does not expire."""
        subject = str(uuid.uuid4())
        return identity_of(ISSUER, subject), self._sign(ISSUER, subject, None)

    def short_lived(self, token: str) -> str:
        """A token for the same identity that expires soon, fit to stand in a URL."""
        claims = self._claims(token)
        expires = int(self._now_s()) + SHORT_LIVED_S
        return self._sign(str(claims["iss"]), str(claims["sub"]), expires)

    def for_this_run(self, token: str) -> str:
        """A token for the same identity that is worth nothing once this process has ended.

        Who takes our address afterwards and is sent it can do nothing with it.
        """
        claims = self._claims(token)
        return self._sign(str(claims["iss"]), str(claims["sub"]), None, run=self._run)

    def verify(self, token: str) -> Identity:
        """Who bears the token. Raises ``AuthError`` if it is not good; never shows the token."""
        claims = self._claims(token)
        issuer, subject = claims["iss"], claims["sub"]
        if not (isinstance(issuer, str) and isinstance(subject, str)):
            raise AuthError("the token's iss and sub must be text")
        if not (0 < len(issuer.encode()) <= 128 and 0 < len(subject.encode()) <= 128):
            raise AuthError("the token's iss and sub must have 1 to 128 bytes")
        identity = identity_of(issuer, subject)
        claimed = claims.get("hex_identity")
        if claimed is not None and claimed != identity.to_hex():
            raise AuthError("the token's hex_identity is not the identity of its iss and sub")
        return identity

    def _claims(self, token: str) -> dict[str, object]:
        if len(token) > MAX_TOKEN:
            raise AuthError(f"a token has {len(token)} characters; {MAX_TOKEN} are the limit")
        try:
            claims: dict[str, object] = jwt.decode(
                token,
                self._public,
                algorithms=["ES256"],
                options={
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "require": ["iss", "sub", "iat"],
                },
            )
        except jwt.PyJWTError as error:
            raise AuthError(f"the token is not accepted: {type(error).__name__}") from None
        if claims.get("run", self._run) != self._run:
            raise AuthError("the token was good for an earlier run of this server")
        expires = claims.get("exp")
        if expires is not None and (
            not isinstance(expires, int | float) or expires <= self._now_s()
        ):
            raise AuthError("the token has expired")
        return claims

    def _sign(self, issuer: str, subject: str, expires: int | None, run: str | None = None) -> str:
        claims = {
            "hex_identity": identity_of(issuer, subject).to_hex(),
            "sub": subject,
            "iss": issuer,
            "aud": ["spacetimedb"],
            "iat": int(self._now_s()),
            "exp": expires,
            "run": run,
        }
        for name in ("exp", "run"):
            if claims[name] is None:
                del claims[name]
        return jwt.encode(claims, self._key, algorithm="ES256")


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read: whole, or not at all."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def bearer(header: str | None) -> str | None:
    """The token of an ``Authorization`` header. Raises ``AuthError`` 400 if it is malformed."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AuthError("Authorization is invalid: malformed token", 400)
    return token.strip()
