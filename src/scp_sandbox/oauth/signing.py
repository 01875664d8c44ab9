"""The sandbox's own RSA key: ID tokens and the key set that proves them."""

import base64
import hashlib
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ALGORITHM = "RS256"


class Signer:
    """Signs ID tokens; its key is made at the first use and dies with the process."""

    def sign(self, claims: dict[str, Any]) -> str:
        """A JWT with these claims."""
        return jwt.encode(claims, self._key, ALGORITHM, headers={"kid": self._kid})

    def key_set(self) -> dict[str, Any]:
        """The JWKS of the key."""
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "use": "sig",
            "alg": ALGORITHM,
            "kid": self._kid,
            "n": _uint(numbers.n),
            "e": _uint(numbers.e),
        }
        return {"keys": [key]}

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def _kid(self) -> str:
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        digest = hashes.Hash(hashes.SHA256())
        digest.update(public)
        return digest.finalize().hex()[:40]


def half_hash(token: str) -> str:
    """`at_hash`: the left half of the SHA-256 of a token (OpenID Connect Core 3.1.3.6)."""
    return _base64url(hashlib.sha256(token.encode("ascii")).digest()[:16])


def _uint(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
