"""What a sandbox is made from, and the addresses at which it stands."""

from dataclasses import dataclass
from typing import Literal

DEFAULT_CLIENT_ID = "sandbox-client"
DEFAULT_CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - the published secret of a pretend client

QuotaMode = Literal["generous", "published"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """How to build one sandbox.

    Args:
        seed: the world's seed; the same seed gives the same people, ids and contents.
        messages: messages per mailbox that the default listing shows; spam and trash (about 4 %)
            come on top of it.
        events: items per user that plain `events.list` calls show over all the user's calendars.
        contacts: people in each user's address book.
        files: files and folders in each user's drive, shared and trashed ones too.
        quotas: `generous` counts calls and refuses none; `published` refuses as Google does.
        base_url: the address clients see, without a trailing slash; None takes it from each
            request's `Host`.
        client_id: the one OAuth client registered here.
        client_secret: its secret.
        token_lifetime: seconds an access token lives.
        token_key: the key tokens are signed with; None makes one that dies with the process.
    """

    seed: int = 1
    messages: int = 1200
    events: int = 300
    contacts: int = 200
    files: int = 400
    quotas: QuotaMode = "generous"
    base_url: str | None = None
    client_id: str = DEFAULT_CLIENT_ID
    client_secret: str = DEFAULT_CLIENT_SECRET
    token_lifetime: int = 3599
    token_key: bytes | None = None


def google_endpoints(base_url: str) -> dict[str, str]:
    """The sandbox's Google addresses, for a client's configuration.

    Args:
        base_url: where the sandbox is served, such as `http://localhost:5001`.

    Returns:
        `gmail_url` is what `/gmail/v1/…` is joined to, `calendar_url` what `/calendar/v3/…` is,
        `people_url` and `drive_url` likewise; `client_id` and `client_secret` are the defaults.
    """
    base = base_url.rstrip("/")
    return {
        "authorization_url": f"{base}/o/oauth2/v2/auth",
        "token_url": f"{base}/token",
        "revocation_url": f"{base}/revoke",
        "userinfo_url": f"{base}/v1/userinfo",
        "jwks_url": f"{base}/oauth2/v3/certs",
        "issuer": base,
        "gmail_url": base,
        "calendar_url": base,
        "people_url": base,
        "drive_url": base,
        "client_id": DEFAULT_CLIENT_ID,
        "client_secret": DEFAULT_CLIENT_SECRET,
    }
