"""OneDrive.

https://learn.microsoft.com/graph/api/driveitem-delta
"""
