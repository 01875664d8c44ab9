"""A short way through Microsoft's flow, without the rest of the server."""

from providers_oauth.flow import CHALLENGE, NONCE, VERIFIER
from support.microsoft_sign_in import ScriptedMicrosoft

from scp_server.domain.secrets import Secret
from scp_server.ports.authority import Consented
from scp_server.providers.microsoft.oauth import MicrosoftAuthority
from scp_wire.stream_types import StreamType

REDIRECT_URI = "https://scp.example/oauth/microsoft/callback"
MAIL = (StreamType.OUTLOOK_MESSAGES,)


def asked_url(authority: MicrosoftAuthority, scopes: frozenset[str] | None = None) -> str:
    """Where the browser is sent."""
    return authority.authorization_url(
        state="state",
        challenge=CHALLENGE,
        nonce=NONCE,
        scopes=authority.scopes(MAIL) if scopes is None else scopes,
        redirect_uri=REDIRECT_URI,
    )


async def consented(
    microsoft: ScriptedMicrosoft,
    authority: MicrosoftAuthority,
    *,
    verifier: Secret = VERIFIER,
    scopes: frozenset[str] | None = None,
) -> Consented:
    """The user agrees and the code is redeemed."""
    code, _ = microsoft.consent(asked_url(authority, scopes))
    return await authority.exchange(
        code=Secret(code), verifier=verifier, nonce=NONCE, redirect_uri=REDIRECT_URI
    )
