"""Microsoft Graph v1.0 as far as it is played here (providers.md sections 6 to 9 and 12.1)."""
