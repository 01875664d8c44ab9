"""Sealing, keyed hashes, and the keys for them."""
