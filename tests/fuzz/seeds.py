"""Where fuzzing begins, by target; what it has found is kept here too, so that it stays mended."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from scp_socketio.websocket import frames

OPENING: Final = (
    b"GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
BATCH: Final = (
    b"--b\r\nContent-Type: application/http\r\nContent-ID: <response-1>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}\r\n--b--\r\n"
)
MASK: Final = b"\x01\x02\x03\x04"


def _masked(opcode: int, payload: bytes) -> bytes:
    return bytes([opcode, 0x80 | len(payload)]) + MASK + frames.unmask(payload, MASK)


def _json(**fields: Any) -> bytes:  # noqa: ANN401  (JSON)
    return json.dumps(fields).encode()


_ADDRESS: Final = {"emailAddress": {"name": "A", "address": "a@x.example"}}
_AT: Final = {"dateTime": "2026-01-31T08:00:00.0000000", "timeZone": "W. Europe Standard Time"}

SEEDS: Final[Mapping[str, tuple[bytes, ...]]] = MappingProxyType(
    {
        "packets": (
            b'40{"session_id":"x"}\x1e42["subscribe_data",{"data_types":[]}]\x1e3\x1e1',
            b'40/admin,{"a":1}\x1e42/admin,17["e",null,[[]]]\x1e43/admin,1[1]\x1e41/admin,',
            b'451-["e",{"_placeholder":true,"num":0}]\x1ebAAEC',
        ),
        "frames": (
            _masked(0x81, b"40{}") + _masked(0x89, b"hi") + _masked(0x88, b"\x03\xe8bye"),
            _masked(0x01, b"4") + _masked(0x00, b"\xc3") + _masked(0x80, b"\xa9"),
            b"\x81\xfe\x00\x80" + MASK + bytes(128),
        ),
        "openings": (OPENING,),
        "subscriptions": (
            _json(data_types=["gmail_messages"], ack=True, window=256, session_id="session-x"),
            _json(event_id="4f02a9c1d3e5-17"),
        ),
        "cursors": (b"4f02a9c1d3e5-17", b"A" * 80),
        "bodies": (
            _json(stream_type="gmail_messages", batch_size=10, filters={"query": "is:unread"}),
            _json(provider="google", stream_types=["files"], tokens={"access_token": "x"}),
            b'{"reason": "\\ud83d\\ude00", "n": [1.5e3, -0, {}]}',
        ),
        "google_items": (
            _json(
                id="m",
                threadId="t",
                historyId="7",
                internalDate="1700000000000",
                labelIds=["INBOX"],
                payload={
                    "mimeType": "multipart/mixed",
                    "headers": [{"name": "From", "value": "=?utf-8?q?A?= <a@x.example>"}],
                    "parts": [
                        {"mimeType": "text/plain", "body": {"data": "aGk", "size": 2}},
                        {"filename": "f", "body": {"attachmentId": "x", "size": 1}},
                    ],
                },
                messages=[{"id": "m", "internalDate": "1"}],
            ),
            _json(
                id="e",
                status="confirmed",
                updated="2026-01-01T00:00:00Z",
                start={"dateTime": "2026-01-01T00:00:00Z", "timeZone": "UTC"},
                end={"date": "2026-01-02"},
                recurrence=["RRULE:FREQ=DAILY"],
                attendees=[{"email": "a@x.example"}],
            ),
            _json(
                resourceName="people/c1",
                etag="x",
                names=[{"displayName": "A"}],
                emailAddresses=[{"value": "a@x.example"}],
                metadata={"deleted": True, "previousResourceNames": ["people/c0"]},
            ),
            _json(id="f", name="N", mimeType="m", size="12", owners=[{"emailAddress": "a"}]),
        ),
        "microsoft_items": (
            _json(
                id="m",
                changeKey="c",
                subject="S",
                body={"contentType": "html", "content": "<p>hi</p>"},
                receivedDateTime="2026-01-31T08:00:00Z",
                toRecipients=[_ADDRESS],
                attachments=[{"id": "a", "name": "f", "size": 1}],
            ),
            _json(
                id="e",
                changeKey="c",
                start=_AT,
                end=_AT,
                organizer=_ADDRESS,
                recurrence={
                    "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
                    "range": {
                        "type": "endDate",
                        "startDate": "2026-01-31",
                        "endDate": "2027-01-01",
                    },
                },
            ),
            _json(id="c", displayName="A", emailAddresses=[{"address": "a@x.example"}]),
            _json(id="f", name="N", file={"mimeType": "m"}, size=12, parentReference={"id": "p"}),
        ),
        "batches": (
            BATCH,
            _json(responses=[{"id": "0", "status": 200, "headers": {"a": "b"}, "body": {}}]),
        ),
        "mail": (
            b'"A, B" <a@x.example>, c@y.example (note), undisclosed:;',
            b"=?iso-8859-1?Q?=E9?= =?utf-8?B?w6k=?= <a@x.example>",
            b"Mon, 02 Feb 2026 10:00:00 +0100 (CET)",
            b'iso-2022-jp\n\x1b$B$"\x1b(B',
            b"<html><style>x</style><p>a<br>b</p><script>c</script><td>d&amp;&#x65;</html>",
        ),
        "moments": (
            b"Sun, 06 Nov 1994 08:49:37 GMT",
            b"2026-01-31T08:00:00+01:00",
            b"2026-01-31T08:00:00.0000000\nW. Europe Standard Time",
            b"120",
            b"333333333333333333333333333333333331",
            b'Bearer claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="',
        ),
        "filters": (
            b"isRead eq false and (startswith(subject,'a''b') or not hasAttachments eq true)",
            b"toRecipients/any(r:r/emailAddress/address eq 'a@x.example')",
            b"receivedDateTime ge 2026-01-31T08:00:00Z",
        ),
    }
)
