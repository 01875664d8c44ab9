"""Nothing secret and nothing of the user's rests on the disk unsealed."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from support.sql_stores import (
    DAY,
    NOW,
    a_grant,
    a_row,
    a_stream,
    all_bytes,
    pending,
    sql,
    sql_stores,
)

from scp_server.crypto.sources import load_keyring
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Account, ConsentRequest, Session, SessionState
from scp_server.domain.streams import LedgerRow, StreamConfig, StreamState
from scp_server.ports.audit import AuditEntry
from scp_server.storage.sql.database import Stores
from scp_wire.codes import ErrorCode, ErrorObject
from scp_wire.filters import MailFilters
from scp_wire.stream_types import Provider, StreamType

SESSION_ID = Secret("session-CANARYsession" + "s" * 30)
ACCOUNT = Account(
    issuer="https://accounts.example",
    subject="CANARYsubject",
    label="CANARYaddress@mail.example",
)
CONFIG = StreamConfig(
    stream_type=StreamType.GMAIL_MESSAGES,
    provider=Provider.GOOGLE,
    filters=MailFilters(query="from:CANARYquery@mail.example"),
    given_filters={"query": "from:CANARYquery@mail.example"},
    batch_size=100,
    max_results=None,
    real_time=True,
    rate_limit_per_minute=60,
    include_raw=False,
    agent_id=None,
)
SECRETS = (
    SESSION_ID.reveal(),
    "CANARYsession",
    "CANARYsubject",
    "CANARYaddress",
    "CANARYquery",
    "CANARYaccess",
    "CANARYrefresh",
    "CANARYposition",
    "CANARYverifier",
    "CANARYnonce",
    "CANARYreturn",
    "CANARYtoken",
    "CANARYdetail",
    "CANARYitem",
)


def spellings(text: str) -> Iterator[bytes]:
    """The text as it could lie about: plain, percent, hex, UTF-16, base64 at any offset."""
    plain = text.encode()
    yield plain
    yield quote(text, safe="").encode()
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    yield text.encode("utf-16-le")
    for shift in range(3):
        # The characters that only depend on our bytes, wherever these begin in a longer value.
        encoded = base64.b64encode(b"\0" * shift + plain)[(0, 2, 3)[shift] :]
        whole = encoded.rstrip(b"=")[:-1]
        yield whole
        yield whole.translate(bytes.maketrans(b"+/", b"-_"))


def found_in(content: bytes) -> list[str]:
    return [text for text in SECRETS if any(each in content for each in spellings(text))]


def test_the_search_would_find_every_spelling() -> None:
    for text in SECRETS:
        for shift in range(4):
            before = b"x" * shift
            for planted in (
                before + text.encode() + b"y",
                base64.b64encode(before + text.encode() + b"yyy"),
                base64.urlsafe_b64encode(before + text.encode() + b"yyy"),
                (before + text.encode()).hex().encode(),
            ):
                assert text in found_in(b"\0" + planted + b"\0")


async def everything_stored(stores: Stores) -> tuple[Session, LedgerRow]:
    """Store something of every kind, each with canaries in it."""
    session = await pending(stores.sessions, SESSION_ID)
    await stores.sessions.open_request(
        Secret("CANARYtoken"),
        ConsentRequest(
            session_pk=session.pk,
            provider=Provider.GOOGLE,
            renewal=False,
            by_hand=True,
            session_id=SESSION_ID,
            return_to="https://app.example/CANARYreturn",
            expires_at=NOW + 600,
            code_verifier=Secret("CANARYverifier"),
            nonce="CANARYnonce",
        ),
    )
    grant = a_grant(access="ya29.CANARYaccess", refresh="1//0CANARYrefresh")
    await stores.sessions.activate(session.pk, ACCOUNT, grant, expires_at=NOW + DAY)
    await stores.streams.create(a_stream(session.pk, config=CONFIG))
    row = a_row(1, position=b'{"pageToken":"CANARYposition"}')
    await stores.streams.save("stream-1", row, now=NOW)
    await stores.audit.record(
        AuditEntry(
            at=NOW,
            session_pk=session.pk,
            action="delivered",
            actor="user",
            item_ids=("CANARYitem",),
        )
    )
    error = ErrorObject(
        code=ErrorCode.PROVIDER_ERROR, message="No.", details={"query": "CANARYdetail"}
    )
    await stores.streams.end("stream-1", StreamState.FAILED, "PROVIDER_ERROR", error, now=NOW)
    return session, row


async def test_no_file_of_the_data_directory_holds_a_secret_or_content(tmp_path: Path) -> None:
    keyring = load_keyring(tmp_path / "keys")
    path = tmp_path / "scp.db"
    async with sql_stores(path, keyring) as stores:
        session, row = await everything_stored(stores)
        # All of it is really there, in database and write-ahead log, while the server runs.
        for table in ("sessions", "vault", "consent_requests", "streams", "ledger", "audit"):
            assert sql(path, f"SELECT count(*) FROM {table}") == [(1,)], table  # noqa: S608  (literals)
        assert found_in(all_bytes(tmp_path)) == []
        assert await stores.streams.latest("stream-1") == row
        await stores.sessions.set_state(session.pk, SessionState.ENDED)
        assert found_in(all_bytes(tmp_path)) == []
    assert found_in(all_bytes(tmp_path)) == []
