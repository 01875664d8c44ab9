"""Google's HTTP batches: many requests as one multipart/mixed message, and the answers to them.

A granted batch says nothing of its parts: each carries a whole HTTP response with its own status
(Gmail API, "Batching requests"). Parts are told apart by the Content-ID, which Google sends back
with "response-" before it.
"""

import re
from collections.abc import Mapping, Sequence
from email.message import Message
from typing import Final

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.answers import Answer
from scp_server.providers.dialect import BatchPost

BOUNDARY: Final = "scp-batch"
"""Cannot begin a line of what is written: each is a fixed header or begins with GET."""

BATCH_PATHS: Final[Mapping[str, str]] = {
    "gmail_url": "/batch",
    "calendar_url": "/batch/calendar/v3",
}

_PART: Final = (
    "--{boundary}\r\n"
    "Content-Type: application/http\r\n"
    "Content-Transfer-Encoding: binary\r\n"
    "Content-ID: <part+{number}>\r\n\r\n"
    "GET {target} HTTP/1.1\r\n"
    "Accept: application/json\r\n\r\n\r\n"
)
_NUMBER: Final = re.compile(r"response-part\+(\d{1,4})>?\Z")
_STATUS: Final = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})\b")
_BLANK: Final = re.compile(rb"\r?\n\r?\n")


def write_batch(targets: Sequence[str]) -> BatchPost:
    """A batch of GETs, in order."""
    parts = [
        _PART.format(boundary=BOUNDARY, number=number, target=target)
        for number, target in enumerate(targets)
    ]
    body = "".join(parts) + f"--{BOUNDARY}--\r\n"
    return BatchPost(
        content_type=f'multipart/mixed; boundary="{BOUNDARY}"', body=body.encode("ascii")
    )


def read_batch(answer: Answer, count: int) -> list[Answer | None]:
    """The answers of a granted batch by part; None for one that is missing or unreadable.

    Raises: ProviderProtocolError when it is not a complete multipart message.
    """
    answers: list[Answer | None] = [None] * count
    for place, part in enumerate(_parts(answer)):
        number, inner = _read_part(part, place)
        if number < count and answers[number] is None:
            answers[number] = inner
    return answers


def _parts(answer: Answer) -> list[bytes]:
    header = Message()
    header["Content-Type"] = answer.headers.get("content-type", "")
    boundary = header.get_boundary()
    if header.get_content_maintype() != "multipart" or not boundary:
        raise ProviderProtocolError("Google answered a batch request with something else.")
    fence = re.escape(b"--" + boundary.encode("utf-8", "replace"))
    pieces = re.split(rb"(?:\A|\r?\n)" + fence + rb"(?=--|[ \t]*\r?\n)", answer.body)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise ProviderProtocolError("Google's answer to a batch request breaks off.")
    return pieces[1:-1]


def _read_part(part: bytes, place: int) -> tuple[int, Answer | None]:
    outer, _, rest = _cut(part)
    identity = _NUMBER.search(_headers(outer).get("content-id", ""))
    number = int(identity.group(1)) if identity else place
    head, found, body = _cut(rest.lstrip())
    status = _STATUS.match(head)
    if status is None:
        return number, None
    return number, Answer(
        status=int(status.group(1)),
        headers=_headers(head),
        body=body if found else b"",
    )


def _cut(block: bytes) -> tuple[bytes, bool, bytes]:
    blank = _BLANK.search(block)
    if blank is None:
        return block, False, b""
    return block[: blank.start()], True, block[blank.end() :]


def _headers(block: bytes) -> dict[str, str]:
    pairs = [line.partition(":") for line in block.decode("utf-8", "replace").splitlines()]
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
