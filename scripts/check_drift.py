"""Generated files must be what the code would write now; `--write` writes them."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from scp_server.api.documents import asyncapi_text, openapi_text
from scp_server.config.describe import settings_page
from scp_wire.schemas import VERSION, schemas


def item_schemas() -> dict[str, Callable[[], bytes]]:
    """The JSON Schemas of items and filters, a file each."""
    return {
        f"schema/{VERSION}/{name}.json": lambda schema=schema: _spelled(schema)  # type: ignore[misc]
        for name, schema in schemas().items()
    }


def _spelled(document: object) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


GENERATED: Mapping[str, Callable[[], bytes]] = {
    "schema/openapi.json": openapi_text,
    "schema/asyncapi.json": asyncapi_text,
    "docs/settings.md": lambda: settings_page().encode(),
    **item_schemas(),
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
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
    for name in drifted:
        print(f"{name}: {'written' if '--write' in sys.argv else 'out of date: run make schema'}")
    return 1 if drifted and "--write" not in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
