"""Docs: the OpenAPI document, and a page that lists it for people."""

from collections.abc import Iterable

from starlette.responses import Response

from scp_server.api.openapi import document_of, encoded
from scp_server.api.operations import Access, Call, Operation


def operations(described: Iterable[Operation]) -> tuple[Operation, ...]:
    """The operations that describe the others. They are not in the document themselves."""
    document = document_of(described)
    text = encoded(document)

    async def openapi(_: Call) -> Response:
        return Response(text, media_type="application/json")

    async def page(call: Call) -> Response:
        return call.pages.operations(document)

    async def stylesheet(call: Call) -> Response:
        return call.pages.stylesheet()

    return tuple(
        Operation(
            method="GET",
            path=path,
            name=name,
            tag="documentation",
            summary=summary,
            handler=handler,
            access=Access.OPEN,
            media=media,
        )
        for path, name, summary, handler, media in (
            ("/openapi.json", "openapi", "The API for programs", openapi, "application/json"),
            ("/docs", "docs", "The API for people", page, "text/html"),
            ("/assets/page.css", "stylesheet", "The pages' stylesheet", stylesheet, "text/css"),
        )
    )
