"""Calendar v3, one file a resource.

https://developers.google.com/workspace/calendar/api/v3/reference
"""
