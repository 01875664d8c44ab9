"""Generated files must be what the code would write now; `--write` writes them."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from scp_server.api.openapi import document_of, encoded
from scp_server.api.routes.table import OPERATIONS
from scp_server.config.describe import settings_page


def openapi() -> str:
    """The OpenAPI document of the route table."""
    return encoded(document_of(OPERATIONS)).decode()


GENERATED: Mapping[str, Callable[[], str]] = {
    "schema/openapi.json": openapi,
    "docs/settings.md": settings_page,
}


def main() -> int:
    """Compare, or write."""
    drifted = []
    for name, generate in GENERATED.items():
        path, text = Path(name), generate()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        drifted.append(name)
        if "--write" in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in drifted:
        print(f"{name}: {'written' if '--write' in sys.argv else 'out of date: run make schema'}")
    return 1 if drifted and "--write" not in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
