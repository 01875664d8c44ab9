"""The life of a stream, and the window its events wait in."""
