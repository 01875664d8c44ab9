"""Links: opens a link and a connector for a stream."""

from typing import Protocol

from scp_server.domain.sessions import Session
from scp_server.domain.streams import StreamConfig
from scp_server.ports.connector import Connector
from scp_server.ports.link import Link
from scp_wire.stream_types import Provider, StreamType


class Links(Protocol):
    """Knows every connector there is."""

    def available(self, stream_type: StreamType, provider: Provider | None = None) -> bool:
        """Whether this server can read that type: at this provider, or at any."""
        ...

    def scopes(self, stream_type: StreamType, session: Session) -> frozenset[str]:
        """The provider's scopes this type cannot do without."""
        ...

    def check(self, config: StreamConfig) -> None:
        """Refuse a combination the provider refuses.

        Raises: StreamConfigError naming the field.
        """
        ...

    def connector(self, config: StreamConfig) -> Connector:
        """A fresh conversation for one stream."""
        ...

    def link(self, session: Session) -> Link:
        """The link of a session; all streams of an account share its quota."""
        ...
