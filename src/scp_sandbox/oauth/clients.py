"""The OAuth client registered in the sandbox."""

import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client; every loopback redirect URI is registered for it."""

    id: str
    secret: str

    def accepts(self, redirect_uri: str) -> bool:
        """Whether a code may be sent to this address."""
        try:
            parts = urlsplit(redirect_uri)
            _ = parts.port
        except ValueError:
            return False
        plain = redirect_uri.isascii() and redirect_uri.isprintable() and " " not in redirect_uri
        return (
            plain
            and parts.scheme in ("http", "https")
            and parts.hostname in LOOPBACK
            and not parts.fragment
            and parts.username is None
        )

    def knows(self, secret: str) -> bool:
        """Whether this is the client's secret."""
        return hmac.compare_digest(secret.encode(), self.secret.encode())
