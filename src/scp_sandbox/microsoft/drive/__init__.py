"""OneDrive (providers.md section 9)."""
