"""An address book as Google People would tell it."""

from typing import Any

from providers.telling import Json, param

from scp_server.ports.connector import Ask


def person(identity: str, etag: int = 1, **fields: Any) -> Json:  # noqa: ANN401
    return {
        "resourceName": f"people/{identity}",
        "etag": f"%{etag}",
        "names": [{"displayName": f"Person {identity}", "metadata": {"primary": True}}],
        **fields,
    }


class PretendPeople:
    """Contacts, the least recently changed first, and a log; tokens are places in the log.

    As People does, it refuses a token under other parameters than those that minted it.
    """

    def __init__(self, *people: Json, page: int = 1000) -> None:
        self.page = page
        self.people = {p["resourceName"]: p for p in people}
        self.log: list[Json] = []
        self.former: dict[str, list[str]] = {}
        self.asked: list[Ask] = []

    def put(self, changed: Json) -> None:
        self.people.pop(changed["resourceName"], None)
        self.people[changed["resourceName"]] = changed
        self.log.append(changed)

    def delete(self, identity: str, etag: int = 9) -> None:
        gone = self.people.pop(f"people/{identity}")
        metadata = {"deleted": True}
        self.log.append({**_bare(gone), "etag": f"%{etag}", "metadata": metadata})

    def rename(self, old: str, new: str, etag: int = 9) -> None:
        changed = {**self.people.pop(f"people/{old}"), "resourceName": f"people/{new}"}
        before = self.former.get(f"people/{old}", [])
        self.former[f"people/{new}"] = [*before, f"people/{old}"]
        self.put({**changed, "etag": f"%{etag}"})

    def __call__(self, ask: Ask) -> Json:
        assert (ask.method, ask.base) == ("people.connections.list", "people_url")
        self.asked.append(ask)
        token, place = param(ask, "syncToken"), param(ask, "pageToken") or "0"
        found = list(self.people.values())
        if token is not None:
            place_in_log, bound = token.split("|", 1)
            assert bound == _bound(ask)
            latest = {p["resourceName"]: p for p in self.log[int(place_in_log) :]}
            found = [self._told(p) for p in latest.values()]
        start = int(place)
        body: Json = {}
        if found[start : start + self.page]:
            body["connections"] = found[start : start + self.page]
        if start + self.page < len(found):
            body["nextPageToken"] = str(start + self.page)
        elif param(ask, "requestSyncToken") == "true":
            body["nextSyncToken"] = f"{len(self.log)}|{_bound(ask)}"
        return body

    def _told(self, changed: Json) -> Json:
        former = self.former.get(changed["resourceName"], [])
        metadata = {**changed.get("metadata", {}), "previousResourceNames": former}
        return {**changed, "metadata": metadata} if former else changed

    def ids(self) -> set[str]:
        return set(self.people)


def _bare(found: Json) -> Json:
    return {"resourceName": found["resourceName"]}


def _bound(ask: Ask) -> str:
    return repr(sorted(p for p in ask.params if p[0] not in {"syncToken", "pageToken"}))
