"""Outlook mail.

https://learn.microsoft.com/graph/api/message-delta
"""
