"""SQLite and PostgreSQL, one code."""
