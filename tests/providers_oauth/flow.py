"""A short way through Google's flow, without the rest of the server."""

from support.google_sign_in import ScriptedGoogle

from scp_server.domain.secrets import Secret
from scp_server.ports.authority import Consented
from scp_server.providers.google.oauth import GoogleAuthority

VERIFIER = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The pair of RFC 7636 appendix B."""
NONCE = "nonce-CANARY"
REDIRECT_URI = "https://scp.example/oauth/google/callback"


def asked_url(authority: GoogleAuthority, scopes: frozenset[str] | None = None) -> str:
    """Where the browser is sent."""
    return authority.authorization_url(
        state="state",
        challenge=CHALLENGE,
        nonce=NONCE,
        scopes=frozenset({"openid", "email"}) if scopes is None else scopes,
        redirect_uri=REDIRECT_URI,
    )


async def consented(google: ScriptedGoogle, authority: GoogleAuthority) -> Consented:
    """The user agrees and the code is redeemed."""
    code, _ = google.consent(asked_url(authority))
    return await authority.exchange(
        code=Secret(code), verifier=VERIFIER, nonce=NONCE, redirect_uri=REDIRECT_URI
    )
