"""One API method as a value: where it is, what it costs, which scopes open it, who answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from scp_sandbox.call import Call, Reply
from scp_sandbox.google.errors import GoogleError, Service, invalid_parameter
from scp_sandbox.google.fields import Mask, MaskError, parse
from scp_sandbox.google.known.tables import check
from scp_sandbox.world.people import User

# Google's own, as its answers have them.
_HEADERS = (("vary", "Origin"), ("vary", "X-Origin"), ("vary", "Referer"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call that has been let in: by whom, with which scopes, for which path and method."""

    call: Call
    user: User
    scopes: frozenset[str]
    at: dict[str, str]
    method: str

    def mask(self) -> Mask | None:
        """The `fields` mask, if one is asked for.

        Raises:
            GoogleError: 400 when it cannot be read, or names what the answer never has.
        """
        text = self.call.one("fields")
        if text is None:
            return None
        try:
            mask = parse(text)
            check(mask, self.method)
        except MaskError as error:
            raise invalid_parameter("fields", str(error), reason="invalidParameter") from error
        return mask

    def reply(self, body: object, *, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        """A JSON answer, masked and, if asked for, indented.

        Google indents unless told `prettyPrint=false`. Here only `prettyPrint=true` indents: JSON
        means the same either way, and indenting would cost more than everything else together.
        """
        mask = self.mask()
        octets = msgspec.json.encode(mask.apply(body) if mask else body)
        return self.ready(octets, headers=headers)

    def ready(self, octets: bytes, *, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
        """An answer whose JSON is encoded (and masked) already."""
        if self.call.one("prettyPrint") == "true":
            octets = msgspec.json.format(octets, indent=2) + b"\n"
        return Reply(body=octets, headers=_HEADERS + headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of one API.

    `rpc` is the name Google uses for it in refusals, `name` the discovery document's, `units` its
    price, `scopes` those of which any one suffices; `full_sync` tells the calls that a quota of
    their own counts, too.
    """

    service: Service
    name: str
    rpc: str
    http: str
    path: re.Pattern[str]
    units: int
    scopes: frozenset[str]
    answer: Callable[[Asked], Reply]
    full_sync: Callable[[Call], bool] | None = None


def number(call: Call, name: str, *, default: int, most: int) -> int:
    """A page size: at least one; more than `most` is taken as `most`, as Google does.

    Raises:
        GoogleError: 400 when it is no positive number.
    """
    text = call.one(name)
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdecimal()) or int(text[:10]) == 0:
        raise GoogleError(
            status=400,
            reason="invalidParameter",
            message=f"Invalid value '{text[:40]}' for parameter '{name}'.",
            location=name,
            location_type="parameter",
        )
    return min(int(text[:10]), most)
