"""Claims challenges: what a refused access token's successor must prove.

https://learn.microsoft.com/entra/identity-platform/claims-challenge

Microsoft Graph says so in `WWW-Authenticate: Bearer ..., error="insufficient_claims",
claims="<base64 of JSON>"`.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

import msgspec

_CLAIMS: Final = re.compile(r'\bclaims="([A-Za-z0-9+/_=-]{1,8192})"')


def demanded_claims(headers: Mapping[str, str]) -> str | None:
    """The JSON object in the challenge of a 401; None when there is none or it is not one.

    Header names are in lower case.
    """
    found = _CLAIMS.search(headers.get("www-authenticate", ""))
    if found is None:
        return None
    text = found[1].rstrip("=").replace("-", "+").replace("_", "/")
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        demanded = msgspec.json.decode(plain, type=dict[str, object])
    except (binascii.Error, ValueError, RecursionError):
        return None
    # Spelled anew: what goes on to the sign-in server is JSON and nothing else.
    return msgspec.json.encode(demanded).decode()
