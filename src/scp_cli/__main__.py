"""`python -m scp_cli` is `securecontext`."""

from scp_cli.main import main

main()
