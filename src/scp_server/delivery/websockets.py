"""uvicorn's WebSocket, which ends clients that misuse it instead of growing or crying out."""

from typing import Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ABORT: Final = "scp.abort"
"""Among the scope's extensions: drops the TCP connection, whatever waits in it."""
MAX_UNREAD: Final = 2 * 1024 * 1024
"""Bytes that may wait for a client: two of the largest events."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection."""

    async def run_asgi(self) -> None:
        """Run the application, and let it drop the connection.

        ASGI's own close is an orderly one: it waits for a client that may never read.
        """
        # The type of uvicorn's extensions knows only its own.
        extensions: dict[str, object] = self.scope["extensions"]  # type: ignore[assignment]
        extensions[ABORT] = self.transport.abort
        await super().run_asgi()

    def handle_ping(self) -> None:
        """Answer a ping, unless the answers pile up: they wait for no one."""
        if self.transport.get_write_buffer_size() > MAX_UNREAD:
            self.transport.abort()
        else:
            super().handle_ping()

    def send_receive_event_to_app(self) -> None:
        """Hand a message over. One that is not UTF-8 ends the connection: RFC 6455, 8.1."""
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self.conn.send_close(1007)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
