"""Google's own Python client, pointed at a sandbox as `docs/sandbox_clients.md` tells to."""

# ruff: noqa: ANN401 - the client is untyped

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
from certified.discovery import API_NAMES, document
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import Resource, build_from_document
from googleapiclient.errors import HttpError
from sandbox.browsing import ADA, SECRETS, Sandbox

AUTH = "https://www.googleapis.com/auth/"
READING = " ".join(
    AUTH + name
    for name in (
        "gmail.readonly",
        "calendar.readonly",
        "contacts.readonly",
        "drive.metadata.readonly",
    )
)
Found = TypeVar("Found")


async def threaded(work: Callable[[], Found]) -> Found:
    """Does blocking work in a thread: the sandbox is served by this thread's event loop."""
    return await anyio.to_thread.run_sync(work)


@dataclass(slots=True)
class Google:
    """A user's Google through Google's client; the calls of one test run one after the other."""

    sandbox: Sandbox
    credentials: Credentials
    built: dict[str, Any] = field(default_factory=dict)

    def api(self, name: str) -> Any:
        """The client of one API, built from its bundled discovery document."""
        if name not in self.built:
            known = document(name)
            root = f"{self.sandbox.base}/"
            known |= {"rootUrl": root, "baseUrl": root + known["servicePath"]}
            known.pop("mtlsRootUrl", None)
            self.built[name] = build_from_document(known, credentials=self.credentials)
        return self.built[name]

    @property
    def gmail(self) -> Any:
        """`users()` of Gmail."""
        return self.api("gmail").users()

    @property
    def calendar(self) -> Any:
        """Calendar."""
        return self.api("calendar")

    @property
    def people(self) -> Any:
        """`people()` of People."""
        return self.api("people").people()

    @property
    def drive(self) -> Any:
        """Drive."""
        return self.api("drive")

    async def refused(self, request: Any, **options: Any) -> HttpError:
        """The error that a request ends with."""
        try:
            answer = await run(request, **options)
        except HttpError as error:
            return error
        raise AssertionError(f"answered with {sorted(answer)}")

    def close(self) -> None:
        """Closes the connections."""
        for service in self.built.values():
            if isinstance(service, Resource):
                service.close()


async def run(request: Any, **options: Any) -> Any:
    """Executes a request of the client."""
    return await threaded(lambda: request.execute(**options))


async def every(collection: Any, key: str, **asked: Any) -> tuple[list[Any], dict[str, Any]]:
    """All items of all pages, as the client itself pages (`list_next`), and the last page."""
    found: list[Any] = []
    request = collection.list(**asked)
    page: dict[str, Any] = {}
    while request is not None:
        page = await run(request)
        found += page.get(key, [])
        request = collection.list_next(request, page)
    return found, page


async def signed_in(sandbox: Sandbox, *, user: str = ADA, scope: str = READING) -> Google:
    """Credentials with nothing but a refresh token, from a walk through the consent page."""
    code = await sandbox.code(user=user, scope=scope, prompt="consent")
    redeemed = await sandbox.redeem(code)
    assert redeemed.status == 200, redeemed.text
    credentials = Credentials(  # type: ignore[no-untyped-call]
        None,
        refresh_token=redeemed.json["refresh_token"],
        token_uri=f"{sandbox.base}/token",
        scopes=scope.split(),
        **SECRETS,
    )
    return Google(sandbox, credentials)


__all__ = ["API_NAMES", "Google", "every", "run", "signed_in", "threaded"]
