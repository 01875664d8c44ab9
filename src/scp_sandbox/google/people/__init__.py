"""Google People: the contacts of a user."""
