"""Gmail v1, one file a resource (providers.md section 2)."""
