"""The server: machines joined to transports."""
