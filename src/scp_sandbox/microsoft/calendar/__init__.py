"""Outlook's calendar.

https://learn.microsoft.com/graph/api/event-delta
"""
