"""A Socket.IO server (protocol 5 over Engine.IO 4) for ASGI, and a fast lane inside uvicorn.

    from scp_socketio import Client, Server

    app = Server()

    @app.on("echo")
    async def echo(client: Client, *args: object) -> object:
        client.emit("echoed", *args)
        return args  # the acknowledgement, if one is wanted

served by ``uvicorn module:app``, or by any other ASGI server that runs on asyncio.
"""

from scp_socketio.engine.handshake import Handshake, Refusal, Request
from scp_socketio.errors import CallTimedOut, ConnectRefused, Gone, ProtocolError
from scp_socketio.messages import Message
from scp_socketio.server.app import Server
from scp_socketio.server.client import Client, Reason
from scp_socketio.settings import Settings

__all__ = [
    "CallTimedOut",
    "Client",
    "ConnectRefused",
    "Gone",
    "Handshake",
    "Message",
    "ProtocolError",
    "Reason",
    "Refusal",
    "Request",
    "Server",
    "Settings",
]
