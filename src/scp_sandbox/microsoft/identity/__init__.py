"""The Microsoft identity platform v2.0.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""
