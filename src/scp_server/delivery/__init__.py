"""One consumer on one kind of wire."""
