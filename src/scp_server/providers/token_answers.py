"""Answers of token endpoints (RFC 6749 5), read so that no token can show in a repr or an error."""

import re
from typing import Annotated, Final, TypeVar

import msgspec

from scp_server.domain.errors import ProviderProtocolError
from scp_server.domain.secrets import Secret
from scp_server.providers.oauth_transport import OAuthAnswer

T = TypeVar("T")

_DEFAULT_LIFETIME: Final = 3600.0
_LONGEST_LIFETIME: Final = 86_400.0
"""A token that claims more is refreshed daily all the same."""
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")
"""Anything else could not be sent back in a header (RFC 6749 A.12)."""


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 6749 5.1. Tokens are read straight into secrets."""

    access_token: Secret
    token_type: str = "Bearer"  # noqa: S105  (a scheme's name)
    expires_in: Annotated[float, msgspec.Meta(gt=0)] = _DEFAULT_LIFETIME
    refresh_token: Secret | None = None
    scope: str | None = None
    id_token: Secret | None = None

    @property
    def lifetime(self) -> float:
        """Seconds the access token is taken to be good for."""
        return min(self.expires_in, _LONGEST_LIFETIME)


def token_answer(answer: OAuthAnswer, *, otherwise: str) -> TokenAnswer:
    """The tokens in a granted request's answer.

    Raises: ProviderProtocolError, which says `otherwise`.
    """
    token = decoded(answer, TokenAnswer, otherwise=otherwise)
    if token.token_type.lower() != "bearer":
        raise ProviderProtocolError(f"{otherwise} (The token is not of the type Bearer.)")
    return token


def decoded(answer: OAuthAnswer, kind: type[T], *, otherwise: str) -> T:
    """The JSON of an answer as `kind`.

    Raises: ProviderProtocolError, which says `otherwise`.
    """
    try:
        return msgspec.json.decode(answer.body, type=kind, dec_hook=_secret)
    except (ValueError, RecursionError):
        # Without its cause: a decoder's error may carry the body, and the body carries tokens.
        raise ProviderProtocolError(otherwise) from None


def _secret(kind: type, value: object) -> Secret:
    if kind is not Secret or not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise ValueError("not a token")
    return Secret(value)
