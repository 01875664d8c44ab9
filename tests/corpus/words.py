"""The words of the corpus: what somebody may put wherever a value goes."""

import os
import random
from collections.abc import Sequence
from typing import Final, TypeVar
from urllib.parse import quote, quote_from_bytes

T = TypeVar("T")

IDS: Final = [
    *["..", "../../etc/passwd", "..\\", ".", "", "/", "//", "%2e%2e%2f", "%252e", "\0", "null"],
    *["true", "-0", "__proto__", "constructor", "\r\nX-Injected: y", "x" * 4096, "\u202e\u200b"],
    *["\U0001f4a5", "e\u0301", "\xe9", "\uff0e\uff0e", "stream-", "session-", "operator-", " "],
]
NUMBERS: Final = [
    *["-1", "0", "2147483648", "9223372036854775808", "1e400", "NaN", "Infinity", "-0", "1.5"],
    *["\uff11\uff10", "[]", "{}", "null", "true", "9" * 5000, "0x10", "1_000", " 1", "1;2"],
]
MOMENTS: Final = [
    *["0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "2024-01-01T00:00:00+24:00", "1e20"],
    *["100000000000000000000", "2024-02-30T00:00:00Z", "yesterday"],
]
QUERIES: Final = [
    *["' OR 1=1--", '"; DROP TABLE sessions;--', "%' OR '%'='", "_%_%"],
    *["' or 1 eq 1", "subject eq 'x') or (1 eq 1", "&$select=*", "$expand=*", "$top=999999"],
    *["in:anywhere", 'rfc822msgid:"', '"', "{", "((((", "-" * 500, "a OR b OR (c"],
    *["' or trashed=true or '", "\\'", "\\"],
]
MARKUP: Final = [
    *["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "${7*7}"],
    *["{0.__class__.__init__.__globals__}", "%n%s%x", "=cmd|'/c calc'!A1", "\x1b[31mred\x1b[0m"],
    *['\x1b]0;owned\x07{"level": "error"}', "line one\nline two", "a\rb", "\u2028\u2029"],
]
URLS: Final = [
    *["https://ok.example@evil", "https://ok.example.evil", "//evil", "/\\evil", "https:evil"],
    *["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "gopher://evil"],
    *["http://127.1", "http://2130706433", "http://0x7f.1", "http://[::]", "http://localhost."],
    *["http://[::ffff:127.0.0.1]", "http://169.254.169.254", "http://metadata.google.internal"],
    *["http://100.64.0.1", "https://xn--pple-43d.example", "https://x.example:0"],
    *["https://u:p@x.example", "https://x.example#y", "https://x.exam\tple", "https://x.exa\nmple"],
]
WORDS: Final = [*IDS, *NUMBERS, *MOMENTS, *QUERIES, *MARKUP, *URLS]
BYTES: Final = [b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"\x80", b"\xf4\x90\x80\x80"]
"""What is no UTF-8."""

IN_URLS: Final = [
    *(quote(word, safe="") for word in WORDS if word),
    *(quote_from_bytes(raw) for raw in BYTES),
    *["..", "../../etc/passwd", "..%5c", "%", "%zz", "%u0041", "a+b", "a;b", "a&b=c", "[x]"],
]
"""For a path or a query, percent-encoded; and a few as they are."""

IN_HEADERS: Final = [
    raw
    for raw in (*(word.encode() for word in WORDS), *BYTES)
    if not set(raw) & {0, *b"\r\n", 0x1B, 0x07}
]
"""Without the control characters that end a request (see tests/listening)."""

PART: Final = 4
"""At each place one word in so many is said, others at other places; `make soak` says all."""


def said_at(place: object, words: Sequence[T]) -> Sequence[T]:
    """The words for a place."""
    if os.environ.get("HYPOTHESIS_PROFILE") == "soak":
        return words
    return random.Random(str(place)).sample(words, len(words) // PART)
