"""Secrets that detect-secrets does not know: those of the providers we talk to, and our own."""

import re
from typing import ClassVar

from detect_secrets.plugins.base import RegexBasedDetector

_TAIL = r"[0-9A-Za-z_-]{20,}"


class ProviderSecretDetector(RegexBasedDetector):
    """Google's refresh and access tokens and client secrets; Microsoft's client secrets."""

    secret_type = "Provider secret"  # noqa: S105  (what it is called)
    denylist: ClassVar[list[re.Pattern[str]]] = [
        re.compile(rf"\b1//0{_TAIL}"),
        re.compile(rf"\bya29\.{_TAIL}"),
        re.compile(rf"\bGOCSPX-{_TAIL}"),
        re.compile(r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])"),
    ]


class OwnCredentialDetector(RegexBasedDetector):
    """Ids and keys of this server: a prefix and 256 random bits in base64url."""

    secret_type = "SCP credential"  # noqa: S105  (what it is called)
    denylist: ClassVar[list[re.Pattern[str]]] = [
        re.compile(r"\b(?:session|operator|agent)-[0-9A-Za-z_-]{43}(?![\w-])"),
    ]
