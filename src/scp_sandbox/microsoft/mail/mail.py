"""A message and a folder of an Outlook mailbox, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scp_sandbox.world.message import ID_TAIL_BITS
from scp_sandbox.world.recipe import Recipe, Shape

_WITH_FILES = (Shape.MIXED, Shape.NESTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message as it is now.

    `core` never changes and sorts by the moment of arrival; `moves` counts how often the message
    changed its folder (and with it its ordinary id). `change` is the mailbox's counter at the last
    change, `arrived` that at which it came into its folder, `touched` tells for each property that
    ever changed when it did last.
    """

    core: int
    folder: str
    conversation: int
    recipe: Recipe
    change: int
    arrived: int
    modified_ms: int
    moves: int = 0
    read: bool = True
    draft: bool = False
    flagged: bool = False
    importance: str = "normal"
    focused: bool = True
    categories: tuple[str, ...] = ()
    touched: Mapping[str, int] = field(default_factory=dict)

    @property
    def received_ms(self) -> int:
        """When it arrived: milliseconds since the epoch."""
        return self.core >> ID_TAIL_BITS

    @property
    def has_files(self) -> bool:
        """Whether there are attachments that are not inline."""
        return self.recipe.shape in _WITH_FILES


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One folder as it is now. `known` is its well-known name, if it has one."""

    id: str
    name: str
    parent: str
    change: int
    created: int
    known: str | None = None
    hidden: bool = False
    named: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tomb:
    """What left a folder, and at which change; `core` is the message's, or 0 for a folder."""

    change: int
    folder: str
    core: int = 0
    moves: int = 0
