"""What reads bytes of strangers, one function each: it returns, or raises what it says it raises.

`tests/fuzz/test_targets.py` gives each the seeds and random bytes; `make soak` lets atheris look
for bytes that lead to new places in the code (`scripts/fuzzing.py`).
"""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

import msgspec
from support.sql_stores import new_keyring

from scp_server.api.bodies import parse_json
from scp_server.api.validation import validate
from scp_server.crypto.seals import KeyringSeals
from scp_server.delivery.subscribing import read_ack, read_subscription
from scp_server.domain.errors import CursorInvalid, ProviderError, RequestError, StreamConfigError
from scp_server.domain.event_ref import parse as parse_event_ref
from scp_server.engine.cursors import Cursors
from scp_server.engine.readers import Proves, Subscription
from scp_server.providers.answers import Answer, json_object
from scp_server.providers.challenges import demanded_claims
from scp_server.providers.charsets import decoded
from scp_server.providers.google import batch as google_batch
from scp_server.providers.google import shapes_calendar as google_calendar
from scp_server.providers.google.headers import mail_date, mailboxes, readable
from scp_server.providers.google.shapes_contact import contact, contact_version, former_ids
from scp_server.providers.google.shapes_file import drive_file, file_version
from scp_server.providers.google.shapes_mail import mail_message, message_labels, message_version
from scp_server.providers.google.shapes_thread import mail_thread, thread_version
from scp_server.providers.microsoft import batch as graph_batch
from scp_server.providers.microsoft import shapes_calendar as graph_calendar
from scp_server.providers.microsoft import shapes_mail as graph_mail
from scp_server.providers.microsoft.html_text import text_of_html
from scp_server.providers.microsoft.odata import spelled
from scp_server.providers.microsoft.odata_parser import parse
from scp_server.providers.microsoft.shapes_contact import contact_of
from scp_server.providers.microsoft.shapes_file import file_of
from scp_server.providers.microsoft.zones import instant
from scp_server.providers.moments import http_date, parsed
from scp_server.providers.retry_after import retry_after
from scp_server.providers.words import terms, words
from scp_socketio import ProtocolError, Settings
from scp_socketio.engine.packets import split_payload
from scp_socketio.engine.session import Session
from scp_socketio.protocol.peer import Connect, Peer
from scp_socketio.websocket.frames import FrameReader, Violation
from scp_socketio.websocket.opening import OpeningError, accept, read_opening
from scp_wire.rest import OpenSession, StartStream, StopStream

CURSORS: Final = Cursors(KeyringSeals(new_keyring()))
SETTINGS: Final = Settings()
TAKEN: Final = Subscription(proves=Proves.ACK)
Target = Callable[[bytes], None]
Json = dict[str, Any]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def packets(data: bytes) -> None:
    """A POST of Engine.IO packets, each taken as far as a Socket.IO client's state goes."""
    session, peer = Session("sid", "polling", SETTINGS, 0.0), Peer(SETTINGS, 0.0)
    with suppress(ProtocolError):
        for frame in split_payload(data, SETTINGS.max_payload_packets):
            content = session.receive(frame, 0.0)
            if not isinstance(content, str | bytes):
                continue
            arrival = peer.receive(content, 0.0)
            if isinstance(arrival, Connect):
                peer.accept(arrival.namespace, "id")


def frames(data: bytes) -> None:
    """Frames of a WebSocket: the same whether they come whole or byte by byte."""
    pieces = [data[at : at + 1] for at in range(len(data))]
    if _read_frames([data]) != _read_frames(pieces):
        raise AssertionError("frames depend on how they are cut")


def _read_frames(pieces: list[bytes]) -> list[object]:
    reader, seen = FrameReader(1024), list[object]()
    try:
        for piece in pieces:
            reader.feed(piece)
            while (received := reader.next_received()) is not None:
                seen.append(received)
    except Violation as violation:
        seen.append(violation.code)
    return seen


def openings(data: bytes) -> None:
    """The request that opens a WebSocket."""
    with suppress(OpeningError):
        accept(read_opening(data))


def subscriptions(data: bytes) -> None:
    """What a client says after it was let in."""
    try:
        said = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for read in (read_subscription, lambda one: read_ack(one, TAKEN)):
        with suppress(RequestError):
            read(said)


def cursors(data: bytes) -> None:
    """Cursors, event ids and forged seals."""
    text = _text(data)
    parse_event_ref(text)
    with suppress(CursorInvalid):
        CURSORS.place_of(text, 1, "stream-x")
        raise AssertionError("a cursor was made up")


def bodies(data: bytes) -> None:
    """Bodies of requests."""
    try:
        value = parse_json(data)
    except RequestError:
        return
    for shape in (StartStream, StopStream, OpenSession):
        with suppress(StreamConfigError):
            validate(value, shape, StreamConfigError)


def _items(data: bytes, *shapes: Callable[[Json], object]) -> None:
    """Each shape of the object; what it makes of it can be sent."""
    try:
        body = json_object(Answer(status=200, headers={}, body=data))
    except ProviderError:
        return
    for shape in shapes:
        try:
            made = shape(body)
        except ProviderError as refusal:
            if any(
                isinstance(value, str) and len(value) > 8 and value in str(refusal)
                for value in body.values()
            ):
                raise AssertionError("an error quotes the provider") from refusal
            continue
        msgspec.json.encode(made, enc_hook=str)


def google_items(data: bytes) -> None:
    """Google's messages, threads, events, contacts and files."""
    _items(
        data,
        mail_message,
        message_version,
        message_labels,
        mail_thread,
        thread_version,
        lambda body: google_calendar.calendar_event(body, "primary"),
        lambda body: google_calendar.event_version(body, "primary"),
        google_calendar.event_id,
        contact,
        contact_version,
        former_ids,
        drive_file,
        file_version,
    )


def microsoft_items(data: bytes) -> None:
    """Graph's messages, events, contacts and files."""
    _items(
        data,
        lambda body: graph_mail.mail_message(body, "inbox", graph_mail.attachments_of(body)),
        lambda body: graph_calendar.calendar_event(body, "calendar"),
        contact_of,
        file_of,
    )


def batches(data: bytes) -> None:
    """Answers to batch requests."""
    headers = {"content-type": "multipart/mixed; boundary=b"}
    for read in (google_batch.read_batch, graph_batch.read_batch):
        with suppress(ProviderError):
            read(Answer(status=200, headers=headers, body=data), 3)


def mail(data: bytes) -> None:
    """Headers, addresses, character sets and HTML of mails."""
    text = _text(data)
    for value in (text, data.decode("latin-1")):
        readable(value).encode()
        for mailbox in mailboxes(value):
            repr(mailbox)
        mail_date(value)
    charset, _, octets = data.partition(b"\n")
    decoded(octets, _text(charset)).encode()
    plain, _ = text_of_html(text, 100)
    if len(plain) > 100:
        raise AssertionError("longer than was asked for")


def moments(data: bytes) -> None:
    """Times of all kinds, and how long to wait."""
    text = _text(data)
    http_date(text)
    parsed(text)
    first, _, second = text.partition("\n")
    instant(first, second)
    wait = retry_after(text, 0.0)
    if wait is not None and not 0 <= wait < math.inf:
        raise AssertionError("no time to wait for")
    demanded_claims({"www-authenticate": text})


def filters(data: bytes) -> None:
    """Filters: what is read, spelled and read again is the same."""
    text = _text(data)
    terms(text), words(text)
    try:
        condition = parse(text)
    except StreamConfigError:
        return
    if parse(spelled(condition)) != condition:
        raise AssertionError("the filter changes when it is spelled")


TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        one.__name__: one
        for one in (
            *(packets, frames, openings, subscriptions, cursors, bodies, google_items),
            *(microsoft_items, batches, mail, moments, filters),
        )
    }
)
