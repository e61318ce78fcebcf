"""Tokens say who their bearer is, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.server.auth import ISSUER, AuthError, Authority, bearer, identity_of


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(clock: Clock) -> Authority:
    return Authority(ec.generate_private_key(ec.SECP256R1()), clock)


def test_a_token_is_its_identity(authority: Authority) -> None:
    identity, token = authority.mint()
    assert authority.verify(token) == identity
    assert identity.to_hex().startswith("c200")
    other, _ = authority.mint()
    assert other != identity


def test_the_identity_is_checksummed() -> None:
    from blake3 import blake3

    big = bytes.fromhex(identity_of("iss", "sub").to_hex())
    assert big[:2] == b"\xc2\x00"
    assert big[6:] == blake3(b"iss|sub").digest()[:26]
    assert big[2:6] == blake3(big[:2] + big[6:]).digest()[:4]


def test_a_short_lived_token_expires(authority: Authority, clock: Clock) -> None:
    identity, token = authority.mint()
    short = authority.short_lived(token)
    assert authority.verify(short) == identity
    clock.now += 60
    with pytest.raises(AuthError, match="expired"):
        authority.verify(short)
    assert authority.verify(token) == identity


def _foreign() -> str:
    return Authority(ec.generate_private_key(ec.SECP256R1())).mint()[1]


def _symmetric() -> str:
    return jwt.encode({"iss": ISSUER, "sub": "x", "iat": 0}, "k" * 32, algorithm="HS256")


def _unsigned() -> str:
    return jwt.encode({"iss": ISSUER, "sub": "x", "iat": 0}, "", algorithm="none")


@pytest.mark.parametrize("make", [_foreign, _symmetric, _unsigned, lambda: "x", lambda: "a" * 9000])
def test_tokens_of_others_are_refused_without_being_shown(
    authority: Authority, make: object
) -> None:
    assert callable(make)
    token = make()
    with pytest.raises(AuthError) as caught:
        authority.verify(token)
    assert caught.value.status == 401
    assert len(token) < 3 or token not in str(caught.value)


@given(st.text(max_size=100))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    with pytest.raises(AuthError):
        _AUTHORITY.verify(text)


_AUTHORITY = Authority(ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"sub": "x", "iat": 0}, "MissingRequiredClaim"),
        ({"iss": "", "sub": "x", "iat": 0}, "1 to 128"),
        ({"iss": "i", "sub": "x" * 129, "iat": 0}, "1 to 128"),
        ({"iss": "i", "sub": "s", "iat": 0, "hex_identity": "c200"}, "hex_identity"),
        ({"iss": "i", "sub": "s", "iat": 0, "exp": 5}, "expired"),
    ],
)
def test_claims(authority: Authority, claims: dict[str, object], message: str) -> None:
    token = jwt.encode(claims, authority._key, algorithm="ES256")
    with pytest.raises(AuthError, match=message):
        authority.verify(token)


def test_keys_are_kept(tmp_path: Path) -> None:
    identity, token = Authority.open(tmp_path).mint()
    assert Authority.open(tmp_path).verify(token) == identity
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("damaged")
    with pytest.raises(StoreError, match="cannot be read"):
        Authority.open(tmp_path)


def test_bearer() -> None:
    assert bearer(None) is None
    assert bearer("Bearer abc") == "abc"
    for bad in ("Bearer", "Bearer ", "Basic abc", ""):
        with pytest.raises(AuthError) as caught:
            bearer(bad)
        assert caught.value.status == 400
