"""Outlook's contacts.

https://learn.microsoft.com/graph/api/contact-delta
"""
