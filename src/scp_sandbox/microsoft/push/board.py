"""`/subscriptions`: made, renewed, listed and ended. Nothing is ever sent to anybody.

The addresses of a subscription have to be of this machine; Graph's validation call is left out.
"""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.clock import Clock
from scp_sandbox.microsoft.graph.asked import Asked, Method, path
from scp_sandbox.microsoft.graph.errors import GraphError, access_denied, bad_request
from scp_sandbox.microsoft.graph.zones import instant
from scp_sandbox.oauth.clients import LOOPBACK

Body = TypeVar("Body", bound=msgspec.Struct)

MOST = 1000
LEAST_LIFE = timedelta(minutes=45)
OUTLOOK_LIFE, DRIVE_LIFE = timedelta(minutes=10_080), timedelta(minutes=42_300)
MOST_STATE = 128

_SCOPES = {
    "mail": ("Mail.Read", "Mail.ReadWrite", "Mail.ReadBasic"),
    "calendar": ("Calendars.Read", "Calendars.ReadWrite", "Calendars.ReadBasic"),
    "contacts": ("Contacts.Read", "Contacts.ReadWrite"),
    "drive": ("Files.Read", "Files.ReadWrite", "Files.Read.All", "Files.ReadWrite.All"),
}
_RESOURCES = (
    ("mail", re.compile(r"me/(mailfolders(\('[^']+'\)|/[^/]+)/)?messages(\?.*)?")),
    ("calendar", re.compile(r"me/(calendar/)?events(\?.*)?")),
    ("contacts", re.compile(r"me/(contactfolders(\('[^']+'\)|/[^/]+)/)?contacts(\?.*)?")),
    ("drive", re.compile(r"me/drive/root")),
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of `POST /subscriptions`."""

    change_type: str
    notification_url: str
    resource: str
    expiration_date_time: str
    client_state: str | None = None
    lifecycle_notification_url: str | None = None
    latest_supported_tls_version: str = "v1_2"


class Renewal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of `PATCH /subscriptions/{id}`."""

    expiration_date_time: str


class Subscriptions:
    """The subscriptions of all accounts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, dict[str, dict[str, Any]]] = {}

    def create(self, asked: Asked) -> Reply:
        """`POST /subscriptions`."""
        wanted = _read(asked, Wanted)
        area = _area(wanted.resource)
        if asked.scopes.isdisjoint(_SCOPES[area]):
            raise access_denied(drive=area == "drive")
        _check(wanted, area)
        mine = self._mine(asked)
        for other in mine.values():
            if (other["resource"], other["changeType"]) == (wanted.resource, wanted.change_type):
                words = "A subscription already exists for the resource and change type."
                raise GraphError(status=409, code="Conflict", message=words)
        if len(mine) >= MOST:
            words = "The limit of subscriptions of this mailbox has been reached."
            raise GraphError(status=403, code="ErrorSubscriptionLimit", message=words)
        made = self._made(asked, wanted, area)
        mine[made["id"]] = made
        place = f"{asked.root}/subscriptions/{made['id']}"
        return asked.reply(_entity(asked, made), status=201, headers=(("location", place),))

    def renew(self, asked: Asked) -> Reply:
        """`PATCH /subscriptions/{id}`: renews, and authorises anew."""
        found = self._found(asked)
        area = _area(found["resource"])
        found["expirationDateTime"] = self._until(_read(asked, Renewal).expiration_date_time, area)
        return asked.reply(_entity(asked, found))

    def get(self, asked: Asked) -> Reply:
        """`GET /subscriptions/{id}`."""
        return asked.reply(_entity(asked, self._found(asked)))

    def list(self, asked: Asked) -> Reply:
        """`GET /subscriptions`."""
        found = list(self._mine(asked).values())
        return asked.reply({"@odata.context": asked.context("subscriptions"), "value": found})

    def delete(self, asked: Asked) -> Reply:
        """`DELETE /subscriptions/{id}`."""
        del self._mine(asked)[self._found(asked)["id"]]
        return Reply(status=204)

    def reauthorize(self, asked: Asked) -> Reply:
        """`POST /subscriptions/{id}/reauthorize`."""
        self._found(asked)
        return Reply(status=204)

    def _made(self, asked: Asked, wanted: Wanted, area: str) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "resource": wanted.resource,
            "applicationId": asked.client_id,
            "changeType": wanted.change_type,
            "clientState": wanted.client_state,
            "notificationUrl": wanted.notification_url,
            "notificationQueryOptions": None,
            "lifecycleNotificationUrl": wanted.lifecycle_notification_url,
            "expirationDateTime": self._until(wanted.expiration_date_time, area),
            "creatorId": asked.account.oid,
            "includeResourceData": None,
            "latestSupportedTlsVersion": wanted.latest_supported_tls_version,
            "encryptionCertificate": None,
            "encryptionCertificateId": None,
            "notificationUrlAppId": None,
        }

    def _until(self, text: str, area: str) -> str:
        moment, now = instant(text), self._clock.moment()
        if moment is None or moment <= now:
            words = "The value of expirationDateTime is no moment in the future."
            raise bad_request(words, "InvalidRequest")
        longest = DRIVE_LIFE if area == "drive" else OUTLOOK_LIFE
        if moment - now > longest:
            minutes = int(longest.total_seconds() // 60)
            words = f"Subscription expiration can only be {minutes} minutes in the future."
            raise bad_request(words, "InvalidRequest")
        kept = max(moment, now + LEAST_LIFE)
        return f"{kept.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    def _mine(self, asked: Asked) -> dict[str, dict[str, Any]]:
        now: datetime = self._clock.moment()
        kept = self._kept.setdefault(asked.account.oid, {})
        for identity in [i for i, s in kept.items() if _past(s, now)]:
            del kept[identity]
        return kept

    def _found(self, asked: Asked) -> dict[str, Any]:
        found = self._mine(asked).get(asked.at["subscription"])
        if found is None:
            words = "The object was not found."
            raise GraphError(status=404, code="ResourceNotFound", message=words)
        return found


def _past(subscription: dict[str, Any], now: datetime) -> bool:
    moment = instant(subscription["expirationDateTime"])
    return moment is not None and moment <= now


def _read(asked: Asked, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(asked.call.body or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise bad_request(f"The request body is not valid: {error}", "InvalidRequest") from error


def _area(resource: str) -> str:
    wanted = resource.strip("/").lower()
    for area, pattern in _RESOURCES:
        if pattern.fullmatch(wanted):
            return area
    raise bad_request(f"Resource '{resource[:80]}' is not supported.", "InvalidRequest")


def _check(wanted: Wanted, area: str) -> None:
    allowed = {"updated"} if area == "drive" else {"created", "updated", "deleted"}
    if not wanted.change_type or not set(wanted.change_type.split(",")) <= allowed:
        raise bad_request("The changeType is not supported for the resource.", "InvalidRequest")
    if len(wanted.client_state or "") > MOST_STATE:
        raise bad_request("The clientState is too long.", "InvalidRequest")
    for url in filter(None, (wanted.notification_url, wanted.lifecycle_notification_url)):
        if urlsplit(url).hostname not in LOOPBACK:
            words = "Subscription validation request failed. Notification endpoint unreachable."
            raise bad_request(words, "ValidationError")


def _entity(asked: Asked, subscription: dict[str, Any]) -> dict[str, Any]:
    return {"@odata.context": asked.context("subscriptions/$entity"), **subscription}


def push_methods(clock: Clock) -> tuple[Method, ...]:
    """The methods of subscriptions."""
    board = Subscriptions(clock)
    scopes = frozenset(scope for some in _SCOPES.values() for scope in some)
    one = "/subscriptions/{subscription}"
    rows: tuple[tuple[str, str, str, Callable[[Asked], Reply]], ...] = (
        ("POST", "subscriptions.create", "/subscriptions", board.create),
        ("GET", "subscriptions.list", "/subscriptions", board.list),
        ("GET", "subscriptions.get", one, board.get),
        ("PATCH", "subscriptions.update", one, board.renew),
        ("DELETE", "subscriptions.delete", one, board.delete),
        ("POST", "subscriptions.reauthorize", f"{one}/reauthorize", board.reauthorize),
    )
    return tuple(
        Method(
            service="identity", name=name, http=http, path=path(where), scopes=scopes, answer=answer
        )
        for http, name, where, answer in rows
    )
