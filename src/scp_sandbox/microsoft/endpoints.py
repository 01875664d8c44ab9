"""The addresses at which the sandboxed Microsoft stands."""

from scp_sandbox.microsoft.accounts import CONSUMERS
from scp_sandbox.settings import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET

_SHARED = ("common", "organizations")


def microsoft_endpoints(base_url: str, tenant: str = "common") -> dict[str, str]:
    """The sandbox's Microsoft addresses, for a client's configuration.

    Args:
        base_url: where the sandbox is served, such as `http://localhost:5001`.
        tenant: `common`, `organizations`, `consumers` or a tenant's id.

    Returns:
        `graph_url` is what `/v1.0/…` is joined to. `issuer` is as the metadata document has it:
        for `common` and `organizations` it holds the placeholder `{tenantid}`, to be replaced by
        the ID token's `tid`. `client_id` and `client_secret` are the defaults.
    """
    base = base_url.rstrip("/")
    return {
        "authorization_url": f"{base}/{tenant}/oauth2/v2.0/authorize",
        "token_url": f"{base}/{tenant}/oauth2/v2.0/token",
        "jwks_url": f"{base}/{tenant}/discovery/v2.0/keys",
        "issuer": issuer(base, tenant),
        "graph_url": base,
        "client_id": DEFAULT_CLIENT_ID,
        "client_secret": DEFAULT_CLIENT_SECRET,
    }


def issuer(base: str, tenant: str) -> str:
    """What a tenant's metadata document calls the issuer."""
    if tenant in _SHARED:
        return f"{base}/{{tenantid}}/v2.0"
    return f"{base}/{CONSUMERS if tenant == 'consumers' else tenant}/v2.0"
