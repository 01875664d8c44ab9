"""Where sessions, streams, ledgers and audit rest."""
