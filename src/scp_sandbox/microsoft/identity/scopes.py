"""Scopes of Microsoft Graph and OpenID Connect, with the words of the consent page."""

RESOURCE = "https://graph.microsoft.com/"
OFFLINE = "offline_access"
OPENID = "openid"
PROFILE = "profile"
EMAIL = "email"
IDENTITY = (OPENID, PROFILE, EMAIL, OFFLINE)

DESCRIPTIONS = {
    OPENID: "Sign you in",
    PROFILE: "View your basic profile",
    EMAIL: "View your e-mail address",
    OFFLINE: "Maintain access to data you have given it access to",
    "User.Read": "Sign you in and read your profile",
    "User.ReadBasic.All": "Read all users' basic profiles",
    "Mail.ReadBasic": "Read your mail but for its text and attachments",
    "Mail.Read": "Read your mail",
    "Mail.ReadWrite": "Read and write access to your mail",
    "MailboxSettings.Read": "Read your mailbox settings",
    "Calendars.ReadBasic": "Read basic details of your calendars",
    "Calendars.Read": "Read your calendars",
    "Calendars.ReadWrite": "Have full access to your calendars",
    "Contacts.Read": "Read your contacts",
    "Contacts.ReadWrite": "Have full access to your contacts",
    "Files.Read": "Read your files",
    "Files.Read.All": "Read all files that you have access to",
    "Files.ReadWrite": "Have full access to your files",
    "Files.ReadWrite.All": "Have full access to all files you have access to",
}
_SPELLED = {name.lower(): name for name in DESCRIPTIONS}


def canonical(text: str) -> tuple[str, ...]:
    """The scopes in a space-separated list as Graph spells them, in order, without repeats."""
    short = (_short(name) for name in text.split())
    return tuple(dict.fromkeys(_SPELLED.get(name.lower(), name) for name in short))


def unknown(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Those that Graph does not know."""
    return tuple(scope for scope in scopes if scope not in DESCRIPTIONS)


def echoed(scopes: tuple[str, ...]) -> str:
    """A token answer's `scope`: all but `offline_access`, Graph's own first."""
    graph = [s for s in scopes if s not in IDENTITY]
    return " ".join([*graph, *(s for s in scopes if s in IDENTITY and s != OFFLINE)])


def _short(name: str) -> str:
    return name[len(RESOURCE) :] if name.lower().startswith(RESOURCE) else name
