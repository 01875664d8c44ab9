"""The grammar of `filter` for Outlook messages: the part of OData that both Graph and we can judge.

    filter     = and-part *( "or" and-part )
    and-part   = not-part *( "and" not-part )
    not-part   = "not" not-part / "(" filter ")" / comparison / function / any
    comparison = path ( "eq" / "ne" / "gt" / "ge" / "lt" / "le" ) literal
    function   = ( "startswith" / "endswith" / "contains" ) "(" path "," text ")"
    any        = path "/any(" [ name ":" filter ] ")"       within it, paths begin with the name
    path       = property *( "/" property )                 see PROPERTIES
    literal    = text / time / "true" / "false" / "null"
    text       = "'" *( any character, "'" doubled ) "'"
    time       = 2026-01-31T08:00:00Z (any offset) or 2026-01-31 (midnight UTC), without quotes

Texts are compared without regard to case, as Exchange does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from scp_server.providers.moments import utc

COMPARISONS: Final = ("eq", "ne", "gt", "ge", "lt", "le")
FUNCTIONS: Final = ("startswith", "endswith", "contains")
Literal = str | bool | datetime | None


class Kind(Enum):
    """What a property holds."""

    TEXT = auto()
    TRUTH = auto()
    TIME = auto()
    TEXTS = auto()
    RECIPIENTS = auto()


_RECIPIENT: Final = ("emailAddress/address", "emailAddress/name")

PROPERTIES: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "bodyPreview": Kind.TEXT,
        "body/content": Kind.TEXT,
        "conversationId": Kind.TEXT,
        "flag/flagStatus": Kind.TEXT,
        "id": Kind.TEXT,
        "importance": Kind.TEXT,
        "inferenceClassification": Kind.TEXT,
        "internetMessageId": Kind.TEXT,
        "parentFolderId": Kind.TEXT,
        "subject": Kind.TEXT,
        **{f"from/{part}": Kind.TEXT for part in _RECIPIENT},
        **{f"sender/{part}": Kind.TEXT for part in _RECIPIENT},
        "hasAttachments": Kind.TRUTH,
        "isDraft": Kind.TRUTH,
        "isRead": Kind.TRUTH,
        "createdDateTime": Kind.TIME,
        "lastModifiedDateTime": Kind.TIME,
        "receivedDateTime": Kind.TIME,
        "sentDateTime": Kind.TIME,
        "categories": Kind.TEXTS,
        "bccRecipients": Kind.RECIPIENTS,
        "ccRecipients": Kind.RECIPIENTS,
        "replyTo": Kind.RECIPIENTS,
        "toRecipients": Kind.RECIPIENTS,
    }
)
"""What a filter may name."""
ELEMENTS: Final[Mapping[Kind, Mapping[str, Kind]]] = MappingProxyType(
    {
        Kind.TEXTS: MappingProxyType({"": Kind.TEXT}),
        Kind.RECIPIENTS: MappingProxyType(dict.fromkeys(_RECIPIENT, Kind.TEXT)),
    }
)
"""What may be named of an element within any()."""


@dataclass(frozen=True, slots=True)
class Compare:
    """A property against a literal. Within any(), "" is the element itself."""

    path: str
    operator: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a property's text."""

    name: str
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Whether an element of a collection is so; `condition` None: whether there is one."""

    path: str
    condition: "Expression | None"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: "Expression"


@dataclass(frozen=True, slots=True)
class All:
    """All of two parts or more: `and`."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of two parts or more: `or`."""

    parts: tuple["Expression", ...]


Expression = Compare | Call | AnyOf | Not | All | Either
ELEMENT: Final = "e"
"""How elements are called in what is written."""


def spelled(expression: Expression, *, element: bool = False) -> str:
    """The filter in the grammar's words; `element`: as it stands within any()."""
    match expression:
        case Compare(path, operator, value):
            return f"{_path(path, element=element)} {operator} {_literal(value)}"
        case Call(name, path, text):
            return f"{name}({_path(path, element=element)},{_literal(text)})"
        case AnyOf(path, condition):
            inner = "" if condition is None else f"{ELEMENT}:{spelled(condition, element=True)}"
            return f"{path}/any({inner})"
        case Not(part):
            return f"not {_within(part, element=element)}"
        case All(parts):
            return " and ".join(_within(part, element=element) for part in parts)
        case Either(parts):
            return " or ".join(_within(part, element=element) for part in parts)


def _within(part: Expression, *, element: bool) -> str:
    text = spelled(part, element=element)
    return f"({text})" if isinstance(part, All | Either) else text


def _path(path: str, *, element: bool) -> str:
    return f"{ELEMENT}/{path}".rstrip("/") if element else path


def _literal(value: Literal) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return utc(value.astimezone(UTC))
