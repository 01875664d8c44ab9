"""How a user's grant is obtained, kept fresh and given back."""
