"""The sandboxed Google in process: every call's answer held to its discovery document."""

# ruff: noqa: ANN401 - JSON

import random
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec
from certified.discovery import common_parameters, complaints, document, methods

import scp_sandbox.app as building
from scp_sandbox import SandboxSettings
from scp_sandbox.call import Call
from scp_sandbox.clock import Clock
from scp_sandbox.oauth import scopes
from scp_sandbox.world.arrivals import PostOffice
from scp_sandbox.world.bustle import contact_change, event_change, file_change, mail_change
from scp_sandbox.world.people import USERS

SCOPES = (
    scopes.GMAIL_READONLY,
    scopes.CALENDAR_READONLY,
    scopes.CONTACTS_READONLY,
    scopes.DRIVE_METADATA_READONLY,
    scopes.PUBSUB,
)


class Noting(dict[str, list[str]]):
    """A query that notes which parameters are looked for."""

    def __init__(self, given: dict[str, list[str]], looked_for: set[str]) -> None:
        super().__init__(given)
        self._looked_for = looked_for

    def get(self, name: str, default: Any = None) -> Any:
        """As a dict's."""
        self._looked_for.add(name)
        return super().get(name, default)


@dataclass(slots=True)
class GoogleRoom:
    """A small world, its front desk, and what was found out about the answers."""

    settings: SandboxSettings
    looked_for: dict[str, set[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    house: Any = field(init=False)
    front: Any = field(init=False)
    token: str = field(init=False)

    def __post_init__(self) -> None:
        self.house = building._house(self.settings, Clock())
        self.front = building._front(self.house)
        client = self.house.client.id
        self.token = self.house.mint.access(USERS[0].sub, client, SCOPES, offline=True)

    @property
    def served(self) -> dict[str, Any]:
        """The methods that there are here, by the documents' ids."""
        return {method.name: method for method in self.front._methods}

    def bustle(self, seed: int, changes: int) -> None:
        """Random changes of everything that Ada has."""
        rng, world, user = random.Random(seed), self.house.world, USERS[0]
        post = PostOffice(self.settings.seed)
        for _ in range(changes):
            mail_change(rng, world.mailbox(user), post, world.clock.now_ms())
            event_change(rng, world, user)
            contact_change(rng, world.addressbook(user))
            file_change(rng, world.drive(user))

    def day(self, days: int) -> str:
        """The moment so many days from now."""
        moment = self.house.world.clock.moment() + timedelta(days=days)
        return str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))

    async def ask(self, method_id: str, at: Any = (), body: Any = None, **params: Any) -> Any:
        """The answer of a method to parameters spelled as in its document.

        Args:
            method_id: such as `gmail.users.messages.list`.
            at: the path's parameters.
            body: the request's, if it has any.
            params: the query's; a list is repeated. `_` stands for a dot.
        """
        name = method_id.partition(".")[0]
        known = methods(name)[method_id]
        query = {k.replace("__", "."): _texts(v) for k, v in params.items()}
        unknown = query.keys() - known.get("parameters", {}).keys() - common_parameters(name)
        assert not unknown, f"{method_id} has no {sorted(unknown)}"
        looked_for = self.looked_for.setdefault(method_id, set())
        call = Call(
            method=known["httpMethod"],
            path=path_of(method_id, dict(at)),
            query=Noting(query, looked_for),
            headers={"authorization": f"Bearer {self.token}"},
            body=b"" if body is None else msgspec.json.encode(body),
            base="http://sandbox.example",
        )
        reply = await self.front.answer(call)
        assert reply.status in (200, 204), f"{method_id} {query}: {reply.body[:300]!r}"
        answer = msgspec.json.decode(reply.body) if reply.body else None
        told = f"{method_id} {query}" if query else method_id
        self.wrong += [f"{told}: {words}" for words in complaints(method_id, answer)]
        return answer

    async def every(self, key: str, method_id: str, at: Any = (), **params: Any) -> list[Any]:
        """All items of all pages."""
        found: list[Any] = []
        page = await self.ask(method_id, at, **params)
        while True:
            found += page.get(key, [])
            if "nextPageToken" not in page:
                return found
            token = {"pageToken": page["nextPageToken"]}
            page = await self.ask(method_id, at, **{**params, **token})


def path_of(method_id: str, at: dict[str, str]) -> str:
    """The path of a method, as its document builds it."""
    name = method_id.partition(".")[0]
    path = document(name)["servicePath"] + methods(name)[method_id]["path"]

    def filled(match: re.Match[str]) -> str:
        value = at.get(match[2], "me")
        return value if match[1] else quote(value, safe="@")

    return "/" + re.sub(r"\{(\+?)(\w+)\}", filled, path)


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(v).lower() if isinstance(v, bool) else str(v) for v in values]
