"""The simulated world: people, mailboxes, diaries and the log of what changed in them."""
