"""The WebSocket protocol (RFC 6455), server side, without I/O."""
