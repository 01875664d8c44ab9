"""Gmail v1, one file a resource.

https://developers.google.com/workspace/gmail/api/reference/rest
"""
