"""Google's face on the world: the APIs as their clients see them."""
