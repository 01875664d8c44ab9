"""Which names the four APIs' answers have, so that a `fields` mask of other names is refused."""
