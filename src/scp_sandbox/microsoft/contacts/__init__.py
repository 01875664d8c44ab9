"""Outlook's contacts (providers.md section 9)."""
