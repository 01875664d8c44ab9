"""Outlook mail (providers.md section 7)."""
