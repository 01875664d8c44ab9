"""What may be asked for: which stream types, and where the browser may go afterwards."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from scp_server.domain.agents import Agent
from scp_server.domain.errors import Forbidden, InvalidRequest, StreamConfigError
from scp_server.ports.links import Links
from scp_wire.stream_types import PROVIDERS_OF, Provider, StreamType

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_USERINFO: Final = re.compile(r"//.*@")


def wanted_types(names: list[str], provider: Provider, links: Links) -> tuple[StreamType, ...]:
    """The stream types of these names, each once, in the order they were given.

    Raises: StreamConfigError for one that is unknown, not readable yet, or another provider's.
    """
    return tuple(dict.fromkeys(_wanted_type(name, provider, links) for name in names))


def all_types(provider: Provider, links: Links) -> tuple[StreamType, ...]:
    """Every stream type that this server can read at a provider."""
    return tuple(
        known
        for known in StreamType
        if provider in PROVIDERS_OF[known] and links.available(known, provider)
    )


def _wanted_type(name: str, provider: Provider, links: Links) -> StreamType:
    if name not in frozenset(StreamType):
        raise _refused(f"{name[:64]!r} is not a stream type.", name, links)
    stream_type = StreamType(name)
    providers = PROVIDERS_OF[stream_type]
    if provider not in providers:
        needed = " or ".join(sorted(served.value for served in providers))
        raise _refused(f"{name} needs a session of {needed}, not {provider.value}.", name, links)
    if not links.available(stream_type, provider):
        raise _refused(f"{name} cannot be read by this version of the server yet.", name, links)
    return stream_type


def _refused(why: str, name: str, links: Links) -> StreamConfigError:
    return StreamConfigError(
        f"{why} Choose from allowed_values those that are available.",
        field="stream_types",
        value=name[:64],
        allowed_values=[known.value for known in StreamType],
        available={known.value: links.available(known) for known in StreamType},
    )


def registered(urls: Iterable[str]) -> frozenset[str]:
    """The addresses that browsers may be sent back to, checked.

    Raises: ValueError naming the one that is not https (or http on loopback), or hides its host.
    """
    checked = frozenset(urls)
    for url in checked:
        if not _acceptable(url):
            shown = _USERINFO.sub("//***@", url)
            raise ValueError(
                f"SCP_RETURN_TO: {shown!r} cannot be registered. Use a full https address (http"
                " only on a loopback address), without user, password or fragment."
            )
    return checked


def check_return_to(url: str | None, known: frozenset[str]) -> None:
    """Let through only what is registered, character by character.

    Raises: InvalidRequest.
    """
    if url is not None and url not in known:
        raise InvalidRequest(
            "return_to is not registered on this server. Its operator can add exactly this address"
            " to SCP_RETURN_TO.",
            field="return_to",
        )


def check_agent(agent: Agent | None, label: str | None, wanted: tuple[StreamType, ...]) -> None:
    """Let an agent ask for what its key is for, and in its own name only.

    Raises: Forbidden naming the field.
    """
    if agent is None:
        return
    if label not in {None, agent.name}:
        raise Forbidden(
            "agent_id is not the name of this key's agent. Leave it out.", field="agent_id"
        )
    if not all(agent.may_read(stream_type) for stream_type in wanted):
        raise Forbidden(
            "This agent's key is not for all of these stream types.",
            field="stream_types",
            allowed_values=sorted(agent.stream_types or ()),
        )


def _acceptable(url: str) -> bool:
    # Browsers drop tabs and newlines and read a backslash as a slash (WHATWG URL): refuse them,
    # so that what is checked here is what the browser goes to.
    if not url.isascii() or any(char <= " " or char in "\\\x7f" for char in url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or "#" in url or port == 0:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
