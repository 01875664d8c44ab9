"""The HTTP API as an ASGI app: finds the operation, asks who calls, counts, performs, answers."""

import logging
import traceback
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from msgspec import UNSET
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from scp_server.access.gate import Caller
from scp_server.api.answers import dress, failure, success
from scp_server.api.bodies import read_json
from scp_server.api.caller import address_of, credentials_of, host_of, on_loopback, ticket_of
from scp_server.api.documents import asyncapi_text, openapi_text
from scp_server.api.errors import MethodNotAllowed, NotFound
from scp_server.api.limits import Touched, untouched
from scp_server.api.openapi import document_of
from scp_server.api.operations import Access, Call, Operation
from scp_server.api.origins import Origins
from scp_server.api.pages import Pages
from scp_server.api.routes import docs
from scp_server.api.routes.table import OPERATIONS
from scp_server.api.services import Services
from scp_server.api.validation import validate
from scp_server.domain.errors import InvalidRequest, LimitReached, ScpError, ShuttingDown
from scp_server.domain.secrets import Secret
from scp_wire.codes import ErrorCode

_log: Final = logging.getLogger(__name__)


def build_app(services: Services) -> ASGIApp:
    """The HTTP API over its services. Serves everything but `/socket.io`."""
    pages = Pages(sandbox=services.values.sandbox)
    documents = {"/openapi.json": openapi_text(), "/asyncapi.json": asyncapi_text()}
    described = docs.operations(documents, document_of(OPERATIONS))
    return Surface(services, pages, (*OPERATIONS, *described))


class Resource:
    """All operations of one path."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = {operation.method: operation for operation in operations}
        get = self.operations.get("GET")
        if get is not None and not get.page:
            self.operations["HEAD"] = get
        self.methods = (*sorted(self.operations), "OPTIONS")

    def operation(self, method: str) -> Operation:
        """The operation of a method.

        Raises: MethodNotAllowed.
        """
        if method not in self.operations:
            raise MethodNotAllowed(method, self.methods)
        return self.operations[method]


class Surface:
    """Everything between ASGI and the handlers."""

    def __init__(self, services: Services, pages: Pages, operations: Iterable[Operation]) -> None:
        self._services = services
        self._pages = pages
        self._origins = Origins(services.values.public_url, services.values.allowed_origins)
        paths: dict[str, list[Operation]] = {}
        for operation in operations:
            paths.setdefault(operation.path, []).append(operation)
        self._resources = [(Route(path, _never), Resource(of)) for path, of in paths.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; refuse WebSockets; have no lifespan of its own."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            request = Request(scope, receive)
            response = await self._respond(request)
            dress(response, https=self._services.values.https)
            if request.method == "HEAD":
                response.body = b""
            await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        touched = Touched()
        operation: Operation | None = None
        try:
            resource = self._find(request)
            if request.method == "OPTIONS":
                response = self._origins.options(request, resource.methods)
            else:
                operation = resource.operation(request.method)
                response = await self._perform(request, operation, touched)
        except ClientDisconnect:
            response = Response(status_code=400)  # to nobody
        except Exception as error:  # noqa: BLE001  (the last resort: nothing else may answer)
            response = await self._failed(error, request, operation, touched)
        if _is_api(request):
            response.headers.update(touched.headers(self._services.clock.now()))
            response.headers.update(self._origins.headers(request))
        return response

    def _find(self, request: Request) -> Resource:
        for route, resource in self._resources:
            match, found = route.matches(request.scope)
            if match is not Match.NONE:
                request.scope["path_params"] = found["path_params"]
                request.scope["route"] = route  # its template is what the access log shows
                return resource
        raise NotFound("There is nothing at this path. /docs lists what there is.")

    async def _perform(self, request: Request, operation: Operation, touched: Touched) -> Response:
        try:
            self._admit(request, operation)
            document = await _document(request, operation)
            caller = await self._identify(request, operation, document)
        except ScpError:
            if operation.metered:
                await self._count_address(request, touched)
            raise
        touched.session_pk = None if caller.session is None else caller.session.pk
        if operation.metered:
            await self._count(caller, request, touched)
        self._require(operation.access, caller)
        body = None
        if operation.body is not None and document is not UNSET:
            body = validate(document, operation.body, operation.refusal)
        call = Call(
            request=request,
            services=self._services,
            pages=self._pages,
            caller=caller,
            body=body,
            touched=touched,
        )
        answer = await operation.handler(call)
        return answer if isinstance(answer, Response) else success(answer, operation.status)

    def _admit(self, request: Request, operation: Operation) -> None:
        if operation.metered:
            self._check_secure(request)
            self._origins.check(request)
        if operation.page:
            self._origins.check_visit(request)
        if operation.starts_work and self._services.draining():
            raise ShuttingDown("The server is shutting down. Try again in half a minute.")

    def _check_secure(self, request: Request) -> None:
        """A redirect would come too late: the credential has travelled (ASVS 4.1.2).

        Raises: InvalidRequest.
        """
        if not self._services.values.secure_only or request.url.scheme == "https":
            return
        if not on_loopback(request):
            raise InvalidRequest(
                "This came in the clear: use https, and take the credential that was sent for"
                " known to others. If it was https, let the proxy set X-Forwarded-Proto.",
                field="scheme",
            )

    async def _identify(self, request: Request, operation: Operation, document: object) -> Caller:
        if operation.access is Access.OPEN:
            return Caller()
        allow_query = self._services.values.allow_query_session
        credentials = credentials_of(request, document, allow_query=allow_query)
        if operation.access is Access.WAITING_SESSION:
            return await self._services.gate.pending_ok(credentials)
        caller = await self._services.gate.identify(credentials)
        ticket = ticket_of(request) if operation.takes_tickets else None
        return caller if ticket is None else await self._with_ticket(caller, ticket)

    async def _with_ticket(self, caller: Caller, ticket: Secret) -> Caller:
        held = await self._services.tickets.redeem(ticket)
        session = self._services.gate.need_session(held)
        other = caller.session is not None and caller.session.pk != session.pk
        if other or caller.agent not in {None, held.agent}:
            raise InvalidRequest(
                "The ticket is of another session or agent than the one presented. Send one.",
                field="ticket",
            )
        return replace(caller, session=session, agent=held.agent)

    def _require(self, access: Access, caller: Caller) -> None:
        match access:
            case Access.SESSION | Access.WAITING_SESSION:
                self._services.gate.need_session(caller)
            case Access.SESSION_OR_OPERATOR if not caller.operator:
                self._services.gate.need_session(caller)
            case Access.KEY:
                self._services.gate.need_key(caller)
            case Access.OPERATOR:
                self._services.gate.need_operator(caller)
            case _:
                pass

    async def _count(self, caller: Caller, request: Request, touched: Touched) -> None:
        limits = self._services.limits
        if caller.operator:
            touched.note(untouched(limits.values.data_requests_per_minute))
        elif caller.session is not None:
            touched.note(await limits.data_requests(f"session:{caller.session.pk}"))
        elif caller.agent is not None:
            touched.note(await limits.data_requests(f"agent:{caller.agent.pk}"))
        else:
            await self._count_address(request, touched)

    async def _count_address(self, request: Request, touched: Touched) -> None:
        touched.note(await self._services.limits.data_requests(f"address:{address_of(request)}"))

    async def _failed(
        self, error: Exception, request: Request, operation: Operation | None, touched: Touched
    ) -> Response:
        if operation is None and _is_api(request):
            try:
                await self._count_address(request, touched)
            except ScpError as refusal:
                error = refusal
        if isinstance(error, LimitReached):
            touched.note_refusal(error)
        if not isinstance(error, ScpError) or error.code is ErrorCode.INTERNAL_ERROR:
            error = self._unexpected(error)
        self._services.meter.failed(error.code)
        self._services.refusals.note(error, host=host_of(request), session_pk=touched.session_pk)
        if operation is not None and operation.page:
            return self._pages.failure(error)
        return failure(error)

    def _unexpected(self, error: Exception) -> ScpError:
        trace_id = self._services.chance.token(64)
        # Neither message nor locals: either may hold content or a credential.
        frames = traceback.extract_tb(error.__traceback__)
        where = " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
        _log.error("unexpected %s, trace_id %s: %s", type(error).__qualname__, trace_id, where)
        return ScpError(
            "Something went wrong in the server. Try again; if it stays, give the operator the"
            " trace_id.",
            trace_id=trace_id,
        )


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def _document(request: Request, operation: Operation) -> object:
    if operation.body is None:
        return UNSET
    return await read_json(request, optional=operation.body_optional)


def _never(_: Request) -> Response:
    raise AssertionError("routes are only matched; operations answer")


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
