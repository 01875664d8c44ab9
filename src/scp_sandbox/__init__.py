"""A sandboxed Google and Microsoft: real HTTP on one loopback port, invented worlds behind it.

    settings = SandboxSettings(seed=1, messages=1200)
    await serve(settings, host="127.0.0.1", port=5001)
    google_endpoints("http://127.0.0.1:5001")["gmail_url"]

Consent by plain HTTP: `GET {authorization_url}?…` answers with an HTML form; send it back to the
same address (without the query) as `application/x-www-form-urlencoded` with

- `ticket`: the hidden field, as it came (any other hidden field likewise),
- `user`: an account's address, such as `ada.brightwell@sandbox.example`,
- `scope`: once for every scope to allow (identity scopes are always allowed),
- `decision`: `allow` or `deny`,

and follow the 302 to the client's `redirect_uri` with `code` and `state`, or `error`.

The page at `microsoft_endpoints(…)["authorization_url"]` has the same fields; accounts there are
such as `ada.brightwell@outlook.sandbox.example`, and its form is sent back to where it came from.

Everything else a test may want (mail that arrives, faults, quotas, the clock, what is in the
world) is under `/sandbox/`, described in `scp_sandbox.control` and `scp_sandbox.microsoft.control`.
"""

from scp_sandbox.app import build_app
from scp_sandbox.microsoft.endpoints import microsoft_endpoints
from scp_sandbox.serving import serve
from scp_sandbox.settings import SandboxSettings, google_endpoints

__all__ = ["SandboxSettings", "build_app", "google_endpoints", "microsoft_endpoints", "serve"]
