"""What the core needs of the world: one small Protocol a file."""
