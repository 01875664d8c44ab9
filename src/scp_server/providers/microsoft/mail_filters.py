"""`filter` and `search` of outlook_messages: what Graph is asked for, and what is judged here.

`search` is Graph's alone: it goes with no filter and no order, gives 1,000 results at most, and
cannot be followed. `filter` is always judged here, in the grammar of `odata`, so that backfilling
and following mean the same by it; Graph is given it as well where it is known to agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scp_server.domain.errors import StreamConfigError
from scp_server.providers.microsoft.odata import Expression, spelled
from scp_server.providers.microsoft.odata_judge import askable, includes
from scp_server.providers.microsoft.odata_parser import parse
from scp_wire.filters import OutlookMailFilters


def check_mail(filters: OutlookMailFilters, *, real_time: bool) -> None:
    """Refuse what cannot be read or followed.

    Raises: StreamConfigError naming the field, and the position in a filter.
    """
    MailJudge.of(filters)
    if filters.search is not None and real_time:
        raise StreamConfigError(
            "filters.search cannot be followed: Microsoft searches, and does not tell what begins "
            "or ceases to match. Leave real_time out, or use filters.filter.",
            field="filters.search",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MailJudge:
    """Judges by one stream's filters."""

    condition: Expression | None
    search: str | None

    @classmethod
    def of(cls, filters: OutlookMailFilters) -> "MailJudge":
        """Read the filters.

        Raises: StreamConfigError with the position of what is not understood.
        """
        condition = None if filters.filter is None else parse(filters.filter)
        return cls(condition=condition, search=filters.search)

    def includes(self, body: Mapping[str, Any]) -> bool:
        """Whether the filter includes a message."""
        return self.condition is None or includes(self.condition, body)

    def asked(self) -> str | None:
        """The filter as Graph is asked for it; None where it is judged here alone."""
        if self.condition is None or not askable(self.condition):
            return None
        return spelled(self.condition)

    def searched(self) -> str | None:
        """The search as `$search` takes it: in double quotes, those within it escaped."""
        if self.search is None:
            return None
        return '"' + self.search.replace("\\", "\\\\").replace('"', '\\"') + '"'
