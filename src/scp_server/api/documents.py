"""The documents, as they are served and committed under `schema/`.

`python -m scp_server.api.documents openapi.json > schema/openapi.json`
"""

import sys
from typing import Final

from scp_server.api.asyncapi import asyncapi
from scp_server.api.openapi import document_of, encoded
from scp_server.api.routes.table import OPERATIONS

NAMES: Final = ("openapi.json", "asyncapi.json")


def openapi_text() -> bytes:
    """`schema/openapi.json`."""
    return encoded(document_of(OPERATIONS))


def asyncapi_text() -> bytes:
    """`schema/asyncapi.json`."""
    return encoded(asyncapi())


def main() -> None:
    """Write one of them to standard output."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in NAMES:
        sys.exit(f"Name one of: {', '.join(NAMES)}.")
    sys.stdout.buffer.write(openapi_text() if name == "openapi.json" else asyncapi_text())


if __name__ == "__main__":
    main()
