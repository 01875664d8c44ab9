"""Generated files must be what the code would write now; `--write` writes them."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from scp_server.api.documents import asyncapi_text, openapi_text
from scp_server.config.describe import settings_page

GENERATED: Mapping[str, Callable[[], bytes]] = {
    "schema/openapi.json": openapi_text,
    "schema/asyncapi.json": asyncapi_text,
    "docs/settings.md": lambda: settings_page().encode(),
}


def main() -> int:
    """Compare, or write."""
    drifted = []
    for name, generate in GENERATED.items():
        path, text = Path(name), generate()
        if path.exists() and path.read_bytes() == text:
            continue
        drifted.append(name)
        if "--write" in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text)
    for name in drifted:
        print(f"{name}: {'written' if '--write' in sys.argv else 'out of date: run make schema'}")
    return 1 if drifted and "--write" not in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
