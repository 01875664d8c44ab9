"""What all delta rounds share: pages with the link that goes on, and what is gone."""

from typing import Any

import msgspec

from scp_sandbox.call import Reply
from scp_sandbox.microsoft.graph.asked import Asked
from scp_sandbox.microsoft.graph.links import sealed


def delta_page(
    asked: Asked,
    entity: str,
    place: str,
    items: list[dict[str, Any]],
    ahead: msgspec.Struct,
    *,
    more: bool,
) -> Reply:
    """A page of a delta round; `ahead` is the state in its link."""
    body: dict[str, Any] = {
        "@odata.context": asked.context(f"Collection({entity})"),
        "value": items,
    }
    if more:
        body["@odata.nextLink"] = f"{asked.root}/{place}?$skiptoken={sealed(ahead)}"
    else:
        body["@odata.deltaLink"] = f"{asked.root}/{place}?$deltatoken={sealed(ahead)}"
    return asked.reply(body)


def removed(entity: str, identity: str) -> dict[str, Any]:
    """What is left of an item that went."""
    return {
        "@odata.type": f"#microsoft.graph.{entity}",
        "id": identity,
        "@removed": {"reason": "deleted"},
    }
