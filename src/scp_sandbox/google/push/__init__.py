"""Push: what watches answer. They are recorded; nothing is ever sent to an address.

What watched mailboxes tell can be pulled from Pub/Sub (`pubsub`); calendars and drives tell
nothing. Clients that poll miss nothing; what they watch, and until when, can be read at
`GET /sandbox/channels`.
"""
