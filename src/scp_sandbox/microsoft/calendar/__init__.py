"""Outlook's calendar (providers.md section 8)."""
