"""Google's OAuth 2.0 and OpenID Connect endpoints.

https://developers.google.com/identity/protocols/oauth2/web-server
"""
