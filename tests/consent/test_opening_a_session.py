"""POST /api/sessions: what is opened, what is refused, and what is brought along."""

from itertools import pairwise

import pytest
from support.consent import PUBLIC_URL, Office

from scp_server.domain.errors import (
    ConsentLost,
    Forbidden,
    InvalidRequest,
    ProviderNotConfigured,
    StreamConfigError,
)
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import SessionState
from scp_wire.rest import ImportedTokens, OpenSession, SessionOpened
from scp_wire.stream_types import Provider, StreamType


async def opening(office: Office, *stream_types: str, provider: str = "google") -> SessionOpened:
    request = OpenSession(provider=provider, stream_types=list(stream_types))  # type: ignore[arg-type]
    return await office.connect().open(request, operator=True)


def tokens(office: Office, **changes: object) -> OpenSession:
    brought: dict[str, object] = {
        "access_token": "CANARY-brought",
        "refresh_token": "CANARY-brought-refresh",
        "expires_at": office.clock.now() + 1800,
        "scope": "openid email mail",
    } | changes
    return OpenSession(
        provider="google",
        stream_types=["gmail_messages"],
        tokens=ImportedTokens(**brought),  # type: ignore[arg-type]
    )


async def test_a_new_session_waits_for_its_user_behind_a_link_of_ten_minutes(
    office: Office,
) -> None:
    opened = await office.opened()
    assert opened.authorization_url is not None
    assert opened.authorization_url.startswith(f"{PUBLIC_URL}/oauth/google/login?request=")
    assert opened.expires_at == office.clock.now() + 600
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.state is SessionState.PENDING
    assert session.agent_id == "mail-sorter"
    assert session.endpoints == office.google.endpoints


async def test_the_link_does_not_show_the_session_id(office: Office) -> None:
    opened = await office.opened()
    assert opened.session_id not in str(opened.authorization_url)


async def test_session_ids_have_256_bits_and_never_repeat(office: Office) -> None:
    ids = {(await office.opened()).session_id for _ in range(200)}
    assert len(ids) == 200
    for session_id in ids:
        assert session_id.startswith("session-")
        bits = next(bits for bits, value in office.chance.given if session_id.endswith(value))
        assert bits == 256


async def test_stream_types_are_kept_once_each_in_their_order(office: Office) -> None:
    opened = await opening(office, "calendar_events", "gmail_messages", "calendar_events")
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.stream_types == (StreamType.CALENDAR_EVENTS, StreamType.GMAIL_MESSAGES)


@pytest.mark.parametrize("name", ["", "GMAIL_MESSAGES", "mail", "__class__", "gmail_messages "])
async def test_an_unknown_stream_type_is_refused_with_the_seven_there_are(
    office: Office, name: str
) -> None:
    with pytest.raises(StreamConfigError) as caught:
        await opening(office, "gmail_messages", name)
    details = caught.value.details
    assert details["field"] == "stream_types"
    assert details["value"] == name
    assert details["allowed_values"] == [known.value for known in StreamType]


async def test_a_type_not_read_yet_is_refused_saying_which_are_available(office: Office) -> None:
    with pytest.raises(StreamConfigError) as caught:
        await opening(office, "files")
    available = caught.value.details["available"]
    assert isinstance(available, dict)
    assert len(available) == 7
    assert available["gmail_messages"]
    assert not available["files"]


async def test_a_type_of_another_provider_is_refused_naming_the_right_one(office: Office) -> None:
    with pytest.raises(StreamConfigError, match="needs a session of microsoft"):
        await opening(office, "outlook_messages")


async def test_a_provider_that_is_not_set_up_names_the_settings(office: Office) -> None:
    with pytest.raises(ProviderNotConfigured) as caught:
        await opening(office, "outlook_messages", provider="microsoft")
    assert caught.value.details["missing"] == [
        "SCP_MICROSOFT__CLIENT_ID",
        "SCP_MICROSOFT__CLIENT_SECRET",
    ]


async def test_nothing_is_stored_for_what_is_refused(office: Office) -> None:
    with pytest.raises(StreamConfigError):
        await opening(office, "nonsense")
    with pytest.raises(InvalidRequest):
        await office.opened(return_to="https://evil.example")
    assert await office.sessions.get(1) is None


async def test_brought_tokens_make_a_session_that_is_ready(office: Office) -> None:
    opened = await office.connect().open(tokens(office), operator=True)
    assert opened.authorization_url is None
    assert opened.expires_at == office.clock.now() + 30 * 86_400
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.state is SessionState.ACTIVE
    assert session.account == office.google.account
    assert session.scopes == {"openid", "email", "mail"}
    token = await office.freshness().access_token(session.pk)
    assert token == Secret("CANARY-brought")
    assert office.audit.told() == [("consent.imported", "operator", "ok")]


async def test_brought_tokens_that_have_expired_are_refreshed_first(office: Office) -> None:
    request = tokens(office, expires_at=office.clock.now() - 1)
    opened = await office.connect().open(request, operator=True)
    assert office.google.calls == ["refresh", "account_of"]
    assert (await office.sessions.find(Secret(opened.session_id))) is not None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"access_token": "two words"}, "tokens.access_token"),
        ({"access_token": "line\r\nbreak"}, "tokens.access_token"),
        ({"access_token": "jeton-é"}, "tokens.access_token"),
        ({"refresh_token": "a b"}, "tokens.refresh_token"),
        ({"refresh_token": None, "expires_at": 0.0}, "tokens.expires_at"),
    ],
)
async def test_tokens_that_cannot_work_are_refused_by_field_and_not_repeated(
    office: Office, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await office.connect().open(tokens(office, **changes), operator=True)
    assert caught.value.details == {"field": field}
    for value in changes.values():
        assert not isinstance(value, str) or value not in caught.value.message


async def test_tokens_the_provider_refuses_leave_no_session(office: Office) -> None:
    office.google.failure = ConsentLost("No such token.")
    with pytest.raises(InvalidRequest, match="No such token"):
        await office.connect().open(tokens(office), operator=True)
    assert await office.sessions.get(1) is None


async def test_only_the_operator_may_bring_tokens(office: Office) -> None:
    with pytest.raises(Forbidden):
        await office.connect().open(tokens(office), operator=False)
    assert office.google.calls == []


async def test_each_opening_gives_another_link(office: Office) -> None:
    links = [(await office.opened()).authorization_url for _ in range(20)]
    assert all(one != other for one, other in pairwise(sorted(map(str, links))))


async def test_a_session_is_opened_for_its_provider(office: Office) -> None:
    opened = await opening(office, "gmail_messages")
    session = await office.sessions.find(Secret(opened.session_id))
    assert session is not None
    assert session.provider is Provider.GOOGLE
