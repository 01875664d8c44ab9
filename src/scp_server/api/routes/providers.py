"""Providers: what is set up, and what is missing."""

from scp_server.api.operations import Call
from scp_wire.rest import ProviderList, ProviderState
from scp_wire.stream_types import PROVIDERS_OF, Provider, StreamType


async def list_providers(call: Call) -> ProviderList:
    """`GET /api/providers`."""
    missing = call.services.values.missing_settings
    links = call.services.links
    return ProviderList(
        providers={
            provider.value: ProviderState(
                configured=not missing.get(provider, ()),
                missing=list(missing.get(provider, ())),
                stream_types={
                    kind.value: links.available(kind, provider)
                    for kind in StreamType
                    if provider in PROVIDERS_OF[kind]
                },
            )
            for provider in Provider
        }
    )
