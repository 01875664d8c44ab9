"""The Microsoft identity platform v2.0 (providers.md section 11)."""
