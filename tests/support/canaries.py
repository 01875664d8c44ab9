"""Canaries: strings that must not be found where they would mean a leak, in any spelling."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus


@dataclass(frozen=True, slots=True)
class Find:
    """A canary found where it must not be."""

    name: str
    form: str
    path: Path


def forms(secret: str) -> Iterator[tuple[str, bytes]]:
    """A secret's spellings: plain, percent, hex, and base64 at each of its three alignments."""
    plain = secret.encode()
    yield "plain", plain
    yield "utf-16", secret.encode("utf-16-le")
    yield "percent", quote(secret, safe="").encode()
    yield "percent-plus", quote_plus(secret).encode()
    yield "percent-all", "".join(f"%{byte:02x}" for byte in plain).encode()
    yield "hex", plain.hex().encode()
    yield "HEX", plain.hex().upper().encode()
    for shift in range(3):
        padded = base64.b64encode(b"\0" * shift + plain)
        # The first and last characters also carry bits of the neighbours.
        inner = padded[4 if shift else 0 :].rstrip(b"=")[:-1]
        yield f"base64+{shift}", inner
        yield f"base64url+{shift}", inner.translate(bytes.maketrans(b"+/", b"-_"))


def finds(secrets: dict[str, str], folders: Iterable[Path], spared: Iterable[Path]) -> list[Find]:
    """Every place where any of the named secrets stands, in files below the folders."""
    passed = set(spared)
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path in passed or not path.is_file():
                continue
            content = path.read_bytes()
            found += [
                Find(name, form, path)
                for name, secret in secrets.items()
                for form, spelled in forms(secret)
                if spelled in content
            ]
    return found
