"""Microsoft Graph v1.0 as far as it is played here."""
