"""How the server listens: who may have a socket, and how much of a request anybody may send."""
