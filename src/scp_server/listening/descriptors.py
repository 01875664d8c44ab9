"""Open files: every socket is one, and a process that runs out of them can accept nobody."""

import resource
from typing import Final

from scp_server.domain.errors import StartRefused

USUAL_SOCKETS: Final = 10_000
RESERVE: Final = 512
"""For what is no client: connections to providers (at most 100 each), the database, the logs."""
FEWEST_SOCKETS: Final = 64


def sockets_allowed(wanted: int | None) -> int:
    """How many sockets clients may have: what is wanted, or as many as usual.

    The process's soft limit on open files is raised as far as that needs and the hard one lets.

    Raises: StartRefused when the hard limit does not let it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = USUAL_SOCKETS if hard == resource.RLIM_INFINITY else hard - RESERVE
    sockets = wanted or min(USUAL_SOCKETS, most)
    need = sockets + RESERVE
    if sockets < FEWEST_SOCKETS and wanted is None:
        raise StartRefused(
            f"This process may have {hard} open files, too few to serve anybody. Raise the limit"
            f" (ulimit -Hn) to {USUAL_SOCKETS + RESERVE}."
        )
    if hard != resource.RLIM_INFINITY and need > hard:
        raise StartRefused(
            f"SCP_LIMITS__SOCKETS is {sockets}, for which {need} open files are needed; this"
            f" process may have {hard}. Raise the limit (ulimit -Hn), or lower the setting."
        )
    if soft != resource.RLIM_INFINITY and soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))
    return sockets
