"""Google's OAuth 2.0 and OpenID Connect endpoints (providers.md section 10)."""
