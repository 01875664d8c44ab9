"""Calendar v3, one file a resource (providers.md section 3)."""
