"""Invented words: subjects, letters and HTML pages. Pure; all chance is handed in."""

import html
import random

from scp_sandbox.world.tongues import BY_CODE, DAYS, PLACES, PROJECTS, THINGS

HTML_OPENING = "<!DOCTYPE html><html><head><style>p{margin:0 0 1em}</style></head>"


def subject(rng: random.Random, tongue: str) -> str:
    """A subject line in a language."""
    return _filled(rng, rng.choice(BY_CODE[tongue].subjects))


def sentences(rng: random.Random, tongue: str, count: int) -> str:
    """`count` sentences in a language, as one paragraph."""
    known = BY_CODE[tongue].sentences
    return " ".join([_filled(rng, _pick(rng, known)) for _ in range(count)])


def letter(rng: random.Random, tongue: str, *, to: str, by: str, paragraphs: int) -> str:
    """A whole plain-text letter from `by` to `to`."""
    speech = BY_CODE[tongue]
    body = "\n\n".join(sentences(rng, tongue, rng.randint(1, 4)) for _ in range(paragraphs))
    greeting = speech.greeting.format(name=to)
    return f"{greeting}\n\n{body}\n\n{speech.closing.format(me=by)}\n"


def page(text: str, *, rtl: bool = False, picture: str | None = None) -> str:
    """`text` as an HTML page, paragraph by paragraph; `picture` is a `cid:` to show."""
    direction = ' dir="rtl"' if rtl else ""
    shown = f'<p><img src="cid:{picture}" alt="logo"></p>' if picture else ""
    paragraphs = "".join(
        f"<p>{html.escape(p, quote=False).replace(chr(10), '<br>')}</p>\n"
        for p in text.strip().split("\n\n")
    )
    return f"{HTML_OPENING}<body{direction}>{shown}\n{paragraphs}</body></html>\n"


def long_text(rng: random.Random, tongue: str, size: int) -> str:
    """A report of at least `size` characters."""
    # A few dozen paragraphs repeated under running numbers: long, cheap, and no two lines alike.
    stock = tuple(sentences(rng, tongue, 6) for _ in range(24))
    lines: list[str] = []
    written = 0
    while written < size:
        lines.append(f"{len(lines) + 1}. {_pick(rng, stock)}")
        written += len(lines[-1]) + 2
    return "\n\n".join(lines) + "\n"


def _filled(rng: random.Random, pattern: str) -> str:
    if "{" not in pattern:
        return pattern
    return pattern.format(
        n=2 + int(rng.random() * 18),
        project=_pick(rng, PROJECTS),
        place=_pick(rng, PLACES),
        thing=_pick(rng, THINGS),
        day=_pick(rng, DAYS),
    )


def _pick(rng: random.Random, known: tuple[str, ...]) -> str:
    # `choice` takes five times as long, and this is most of what composing a message costs.
    return known[int(rng.random() * len(known))]
