"""Errors of this library.

Exception
├── ProtocolError     the other side broke a rule; the transport is closed
├── ConnectRefused    raised by a connect handler: the client gets CONNECT_ERROR
├── CallTimedOut      a call was not acknowledged in time
└── Gone              the client is no longer there
"""


class ProtocolError(Exception):
    """What a client sent breaks a protocol. The message names the rule, never the content."""


class ConnectRefused(Exception):
    """Raise it in a connect handler to answer CONNECT_ERROR ``{"message", "data"}``.

    ``data`` (anything JSON can say) reaches a JavaScript client as ``err.data``; None leaves it
    out.
    """

    def __init__(self, message: str, data: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class CallTimedOut(Exception):
    """No acknowledgement came within the time given to ``Client.call``."""


class Gone(Exception):
    """The client has left, or left while it was waited for."""
