"""The wires a stream can be read over: Socket.IO, server-sent events, lines of JSON."""
