"""Push: what watches answer. They are recorded, and nothing is ever delivered from here.

Clients that poll miss nothing; what a client asks for and when it runs out can be read at
`GET /sandbox/channels`.
"""
