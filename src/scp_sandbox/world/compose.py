"""Recipe to MIME tree. Pure: the same recipe gives the same octets, whenever it is asked."""

import random
import struct
import zlib
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

from scp_sandbox.world import prose
from scp_sandbox.world.mime import (
    Headers,
    Part,
    Transfer,
    enclosed,
    encoded_word,
    file_part,
    multipart,
    text_part,
    with_headers,
)
from scp_sandbox.world.people import COLLEAGUES, Person
from scp_sandbox.world.recipe import Recipe, Shape
from scp_sandbox.world.tongues import BY_CODE

# Above the 64 KiB and 256 KiB at which clients commonly cut text and HTML bodies.
LONG_TEXT_CHARS = 90_000
LONG_HTML_CHARS = 300_000

_FILES = (
    ("report-{n}.pdf", "application/pdf"),
    ("Übersicht {n}.pdf", "application/pdf"),
    ("figures-{n}.csv", "text/csv"),
    ("photo_{n}.png", "image/png"),
    ("見積書{n}.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("notes {n}.txt", "text/plain"),
    ("archive-{n}.zip", "application/zip"),
)


def compose(recipe: Recipe, text: str | None = None) -> Part:
    """The whole message; `text` is its `plain_text` where that is known already."""
    rng = random.Random(recipe.seed)  # noqa: S311 - a world, not a secret
    words = plain_text(recipe) if text is None else text
    return with_headers(_tree(rng, recipe, words), _headers(rng, recipe))


def plain_text(recipe: Recipe) -> str:
    """The words of the message as a reader sees them, for snippets and search."""
    return _letter(random.Random(recipe.seed), recipe)  # noqa: S311


def address(person: Person, *, charset: str = "utf-8") -> str:
    """A person as an address header spells them."""
    name = person.name
    if not name.isascii():
        return f"{encoded_word(name, charset=charset)} <{person.email}>"
    quoted = f'"{name}"' if any(c in name for c in ',"&()') else name
    return f"{quoted} <{person.email}>"


def _headers(rng: random.Random, recipe: Recipe) -> Headers:
    zone = timezone(timedelta(hours=rng.choice((-8, -3, 0, 0, 1, 2, 5.5, 9))))
    written = datetime.fromtimestamp(recipe.date_ms / 1000, UTC).astimezone(zone)
    how = rng.choice(("B", "B", "Q"))
    subject = encoded_word(recipe.subject, charset=recipe.charset, how="Q" if how == "Q" else "B")
    headers = [
        ("Delivered-To", recipe.to[0].email),
        ("Date", format_datetime(written.replace(microsecond=0))),
        ("From", address(recipe.sender)),
        ("To", ", ".join(address(p) for p in recipe.to)),
        *([("Subject", subject)] if recipe.subject else []),
        ("Message-ID", f"<{recipe.message_id}>"),
        ("MIME-Version", "1.0"),
    ]
    if recipe.cc:
        headers.insert(4, ("Cc", ", ".join(address(p) for p in recipe.cc)))
    if recipe.references:
        headers.append(("In-Reply-To", f"<{recipe.references[-1]}>"))
        headers.append(("References", " ".join(f"<{r}>" for r in recipe.references)))
    if recipe.mailing_list:
        headers.append(("List-Id", f"<{recipe.mailing_list}>"))
        headers.append(("List-Unsubscribe", f"<https://{recipe.mailing_list}/unsubscribe>"))
    return tuple(headers)


def _tree(rng: random.Random, recipe: Recipe, text: str) -> Part:
    match recipe.shape:
        case Shape.PLAIN | Shape.LONG_TEXT:
            return _text(recipe, text, "plain")
        case Shape.HTML | Shape.LONG_HTML:
            return _text(recipe, _page(recipe, text), "html")
        case Shape.ALTERNATIVE:
            return _alternative(recipe, text)
        case Shape.RELATED:
            return _related(rng, recipe, text)
        case Shape.MIXED:
            files = tuple(_file(rng) for _ in range(rng.choice((1, 1, 1, 2, 3))))
            first = _alternative(recipe, text) if rng.random() < 0.6 else _text(recipe, text)
            return multipart("mixed", (first, *files), boundary=_boundary(recipe, "m"))
        case Shape.NESTED:
            inner = enclosed(compose(_forwarded(rng, recipe)), filename="forwarded.eml")
            return multipart("mixed", (_text(recipe, text), inner), boundary=_boundary(recipe, "n"))


def _letter(rng: random.Random, recipe: Recipe) -> str:
    if recipe.body is not None:
        return recipe.body
    if recipe.shape is Shape.LONG_TEXT:
        return prose.long_text(rng, recipe.tongue, LONG_TEXT_CHARS)
    if recipe.shape is Shape.LONG_HTML:
        return prose.long_text(rng, recipe.tongue, LONG_HTML_CHARS)
    to = recipe.to[0].name.split(" ", maxsplit=1)[0]
    by = recipe.sender.name.split(" ", maxsplit=1)[0]
    return prose.letter(rng, recipe.tongue, to=to, by=by, paragraphs=rng.randint(1, 5))


def _text(recipe: Recipe, body: str, subtype: str = "plain") -> Part:
    return text_part(
        body, subtype=subtype, charset=recipe.charset, transfer=_transfer(recipe, body)
    )


def _transfer(recipe: Recipe, body: str) -> Transfer:
    if recipe.charset == "iso-2022-jp":
        return "7bit"
    if body.isascii() and max(map(len, body.split("\n"))) < 990:
        return "7bit"
    return "quoted-printable" if recipe.seed % 3 else "base64"


def _page(recipe: Recipe, text: str, picture: str | None = None) -> str:
    return prose.page(text, rtl=BY_CODE[recipe.tongue].rtl, picture=picture)


def _alternative(recipe: Recipe, text: str) -> Part:
    both = (_text(recipe, text), _text(recipe, _page(recipe, text), "html"))
    return multipart("alternative", both, boundary=_boundary(recipe, "a"))


def _related(rng: random.Random, recipe: Recipe, text: str) -> Part:
    content_id = f"logo{recipe.seed % 1000}@sandbox.example"
    page = _text(recipe, _page(recipe, text, content_id), "html")
    logo = file_part(_png(rng), mime_type="image/png", filename="logo.png", content_id=content_id)
    return multipart("related", (page, logo), boundary=_boundary(recipe, "r"))


def _forwarded(rng: random.Random, recipe: Recipe) -> Recipe:
    return Recipe(
        seed=recipe.seed + 1,
        shape=rng.choice((Shape.PLAIN, Shape.ALTERNATIVE, Shape.MIXED)),
        sender=rng.choice(COLLEAGUES),
        to=(recipe.sender,),
        subject=f"Inner: {recipe.subject}",
        date_ms=recipe.date_ms - 86_400_000,
        message_id=f"inner.{recipe.message_id}",
    )


def _boundary(recipe: Recipe, kind: str) -> str:
    return f"000000000000{recipe.seed % (1 << 48):012x}{kind}"


def _file(rng: random.Random) -> Part:
    pattern, mime_type = rng.choice(_FILES)
    name = pattern.format(n=rng.randint(1, 99))
    if mime_type == "image/png":
        return file_part(_png(rng), mime_type=mime_type, filename=name)
    size = int(2 ** rng.uniform(9, 17))
    if mime_type.startswith("text/"):
        words = prose.sentences(rng, "en", 8) + "\n"
        content = (words * (size // len(words) + 1)).encode()
    else:
        content = (b"%PDF-1.4\n" if mime_type.endswith("pdf") else b"PK\x03\x04") + rng.randbytes(
            size
        )
    return file_part(content, mime_type=mime_type, filename=name)


def _png(rng: random.Random) -> bytes:
    """A valid one-colour PNG of 8 by 8 pixels."""
    row = b"\x00" + bytes(rng.randrange(256) for _ in range(3)) * 8
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * 8)),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
