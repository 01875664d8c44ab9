"""Consent requests: sealed as one, because all of it is secret or tells about a user."""

from typing import Any, Final

import msgspec
from sqlalchemy import Row

from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import ConsentRequest
from scp_server.ports.envelopes import Envelopes, Field

_TABLE: Final = "consent_requests"


def sealed_request(
    request: ConsentRequest, token_hash: bytes, wrapped_key: str, envelopes: Envelopes
) -> str:
    """The request as it is stored under its token's hash.

    Raises: SealBroken.
    """
    plain = msgspec.json.encode(request, enc_hook=_revealed)
    return envelopes.seal(wrapped_key, _field(request.session_pk, token_hash), plain)


def opened_request(row: Row[Any], wrapped_key: str, envelopes: Envelopes) -> ConsentRequest:
    """The request in a row of the table.

    Raises: SealBroken.
    """
    plain = envelopes.open(wrapped_key, _field(row.session_pk, row.token_hash), row.request)
    return msgspec.json.decode(plain, type=ConsentRequest, dec_hook=_hidden)


def _field(session_pk: int, token_hash: bytes) -> Field:
    return Field(session_pk=session_pk, table=_TABLE, row=token_hash.hex(), name="request")


def _revealed(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError


def _hidden(kind: type, value: object) -> Secret:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError
