"""Docs: the OpenAPI and AsyncAPI documents, and a page that lists the operations for people."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from scp_server.api.operations import Access, Call, Handler, Operation


def operations(documents: Mapping[str, bytes], openapi: Mapping[str, Any]) -> tuple[Operation, ...]:
    """What serves the documents (by path) and the page. They are not described themselves."""

    async def page(call: Call) -> Response:
        return call.pages.operations(openapi)

    async def stylesheet(call: Call) -> Response:
        return call.pages.stylesheet()

    return (
        *(_operation(path, _giving(text)) for path, text in documents.items()),
        _operation("/docs", page),
        _operation("/assets/page.css", stylesheet),
    )


def _giving(text: bytes) -> Handler:
    async def give(_: Call) -> Response:
        return Response(text, media_type="application/json")

    return give


def _operation(path: str, handler: Handler) -> Operation:
    return Operation(
        method="GET",
        path=path,
        name=path,
        tag="documentation",
        summary="Documentation.",
        handler=handler,
        access=Access.OPEN,
    )
