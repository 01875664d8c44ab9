"""Kinds of entities, and how collections of them are listed, filtered, sorted and shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.graph.asked import MOST_TOP, Asked
from scp_sandbox.microsoft.graph.errors import bad_request, inefficient, unknown_property
from scp_sandbox.microsoft.graph.filtering import Filter, parse_filter, within

Item = TypeVar("Item")

DEFAULT_TOP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[Item]):
    """A kind of entity.

    `properties` make each property's value when it is asked for; `rare` ones only come when they
    are selected, `withheld` ones never. `etag` is the value of `@odata.etag`; None for kinds that
    have none.
    """

    name: str
    properties: Mapping[str, Callable[[Item, Asked], Any]]
    rare: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()
    etag: Callable[[Item], str] | None = None

    def selected(self, asked: Asked) -> tuple[str, ...] | None:
        """The properties of `$select`; None when there is none, or it is `*`.

        Raises:
            GraphError: 400 for a property that is none.
        """
        text = asked.option("$select")
        if not text or "*" in text.split(","):
            return None
        names = tuple(dict.fromkeys(n.strip().partition("/")[0] for n in text.split(",")))
        spelled = (self.spelled(name) for name in names if name)
        return tuple(name for name in spelled if name not in self.withheld)

    def spelled(self, name: str) -> str:
        """A property's name as it is spelled.

        Raises:
            GraphError: 400 when there is no such property.
        """
        if name in self.properties:
            return name
        for known in self.properties:
            if known.lower() == name.lower():
                return known
        raise unknown_property(name, self.name)

    def show(
        self,
        item: Item,
        asked: Asked,
        names: Iterable[str] | None = None,
        *,
        typed: bool = False,
    ) -> dict[str, Any]:
        """An entity as JSON: the named properties (and the id), or all usual ones."""
        shown: dict[str, Any] = {}
        if typed:
            shown["@odata.type"] = f"#microsoft.graph.{self.name}"
        if self.etag:
            shown["@odata.etag"] = self.etag(item)
        shown["id"] = self.properties["id"](item, asked)
        if names is None:
            hidden = self.rare | self.withheld
            names = (n for n in self.properties if n not in hidden)
        for name in names:
            shown[name] = self.properties[name](item, asked)
        return shown

    def look(self, item: Item, asked: Asked, path: str) -> Any:  # noqa: ANN401
        """The value at a path within an entity."""
        first, _, rest = path.partition("/")
        return within(self.properties[self.spelled(first)](item, asked), rest)


def filtered(
    kind: Kind[Item], items: Iterable[Item], asked: Asked, condition: Filter | None
) -> list[Item]:
    """The items that a filter lets through."""
    if condition is None:
        return list(items)

    plain = _in_utc(asked)

    def fits(item: Item) -> bool:
        return condition.test(lambda path: kind.look(item, plain, path))

    return [each for each in items if fits(each)]


def condition_of(kind: Kind[Any], asked: Asked) -> Filter | None:
    """The `$filter` of a call, its properties checked.

    Raises:
        GraphError: 400 when it cannot be read, or names what is no property.
    """
    text = asked.option("$filter")
    if text is None:
        return None
    condition = parse_filter(text)
    for path in condition.paths:
        kind.spelled(path.partition("/")[0])
    return condition


def order_of(kind: Kind[Any], asked: Asked) -> tuple[tuple[str, bool], ...]:
    """The paths of `$orderby`, each with whether it falls.

    Raises:
        GraphError: 400 when it cannot be read.
    """
    found = []
    for piece in (asked.option("$orderby") or "").split(","):
        path, _, way = piece.strip().partition(" ")
        if not path:
            continue
        if way.strip().lower() not in ("", "asc", "desc"):
            raise bad_request(f"Syntax error in $orderby at '{way.strip()[:40]}'.")
        kind.spelled(path.partition("/")[0])
        found.append((path, way.strip().lower() == "desc"))
    return tuple(found)


def check_together(condition: Filter | None, order: Sequence[tuple[str, bool]]) -> None:
    """Outlook's rule: what is sorted by is filtered by first, in the same order.

    Raises:
        GraphError: 400 `InefficientFilter` otherwise.
    """
    if condition is None or not order:
        return
    named = tuple(dict.fromkeys(path.lower() for path in condition.paths))
    if named[: len(order)] != tuple(path.lower() for path, _ in order):
        raise inefficient()


def arranged(
    kind: Kind[Item], items: list[Item], asked: Asked, order: Sequence[tuple[str, bool]]
) -> list[Item]:
    """Items in the order asked for; equal ones stay as they were."""
    plain = _in_utc(asked)
    for path, falls in reversed(order):

        def rank(item: Item, path: str = path) -> tuple[int, Any]:
            return _rank(kind.look(item, plain, path))

        items = sorted(items, key=rank, reverse=falls)
    return items


def listing(
    kind: Kind[Item], items: Iterable[Item], asked: Asked, *, place: str, context: str
) -> Reply:
    """A page of a plain collection: `$filter`, `$orderby`, `$skip`, `$top`, `$select`, `$count`.

    `place` is the collection's normalised path, `context` its name in `@odata.context`.
    """
    names = kind.selected(asked)
    condition, order = condition_of(kind, asked), order_of(kind, asked)
    check_together(condition, order)
    found = arranged(kind, filtered(kind, items, asked, condition), asked, order)
    top = asked.number("$top", least=1, most=MOST_TOP) or asked.prefer.page or DEFAULT_TOP
    skip = asked.number("$skip", least=0) or 0
    shown = found[skip : skip + top]
    body: dict[str, Any] = {"@odata.context": asked.context(_named(context, names))}
    if (asked.option("$count") or "").lower() == "true":
        body["@odata.count"] = len(found)
    body["value"] = [kind.show(each, asked, names) for each in shown]
    if skip + top < len(found):
        body["@odata.nextLink"] = asked.same(place, **{"$skip": str(skip + top)})
    return asked.reply(body)


def single(kind: Kind[Item], item: Item, asked: Asked, *, context: str) -> Reply:
    """One entity; `If-None-Match` with its etag is answered 304."""
    names = kind.selected(asked)
    etag = kind.etag(item) if kind.etag else None
    if etag is not None and asked.call.headers.get("if-none-match") == etag:
        return Reply(status=304)
    place = f"{_named(context, names)}/$entity"
    body = {"@odata.context": asked.context(place), **kind.show(item, asked, names)}
    headers = (("etag", etag),) if etag else ()
    return asked.reply(body, headers=headers)


def owned(asked: Asked, collection: str) -> str:
    """A collection of the user's as contexts name it."""
    return f"users('{asked.account.oid}')/{collection}"


def _in_utc(asked: Asked) -> Asked:
    """What is compared is in UTC, whatever zone is preferred for showing it."""
    return replace(asked, prefer=replace(asked.prefer, zone=None))


def _named(context: str, names: Sequence[str] | None) -> str:
    return context if names is None else f"{context}({','.join(names)})"


def _rank(value: Any) -> tuple[int, Any]:  # noqa: ANN401
    """None first, then numbers and truths, then texts whatever their case."""
    if value is None:
        return (0, 0)
    if isinstance(value, bool | int | float):
        return (1, value)
    return (2, value.lower() if isinstance(value, str) else str(value))
