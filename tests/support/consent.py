"""Consent with everything around it in memory: what the tests of consent stand on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from support.engine import SilentMeter
from support.neighbours import HeardNotices, SomeTypes
from support.scripted_authority import ISSUER, ScriptedAuthority
from support.stores import MemoryAudit, MemorySessions
from support.time_and_chance import RecordedChance, TurnedClock

from scp_server.consent.connect import Connect, LoginPage, Outcome
from scp_server.consent.freshness import Freshness
from scp_server.consent.revoke import Revoke
from scp_server.domain.secrets import Secret
from scp_server.domain.sessions import Session
from scp_server.ports.authority import Authority
from scp_wire.rest import OpenSession, SessionOpened
from scp_wire.stream_types import Provider, StreamType

PUBLIC_URL = "https://scp.example"
RETURN_TO = "https://app.example/back?tab=1"


def query_of(url: str) -> dict[str, str]:
    """The query of an address, each name once."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@dataclass(slots=True)
class Office:
    """Everything consent needs, and short ways to walk a user through it."""

    clock: TurnedClock = field(default_factory=TurnedClock)
    chance: RecordedChance = field(default_factory=RecordedChance)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    notices: HeardNotices = field(default_factory=HeardNotices)
    provider: Provider = Provider.GOOGLE
    """Where sessions are opened."""
    stream_type: StreamType = StreamType.GMAIL_MESSAGES
    """What they are opened for."""
    public_url: str = f"{PUBLIC_URL}/"
    meter: SilentMeter = field(default_factory=SilentMeter)
    google: ScriptedAuthority = field(init=False)
    sessions: MemorySessions = field(init=False)
    authorities: Mapping[Provider, Authority] = field(init=False)

    def __post_init__(self) -> None:
        self.google = ScriptedAuthority(self.clock)
        self.sessions = MemorySessions(self.clock)
        self.authorities = {Provider.GOOGLE: self.google}

    def connect(self) -> Connect:
        return Connect(
            self.sessions,
            self.authorities,
            SomeTypes(self.stream_type, StreamType.CALENDAR_EVENTS),
            self.notices,
            self.audit,
            self.clock,
            self.chance,
            public_url=self.public_url,
            return_to=frozenset({RETURN_TO}),
            session_days=30,
        )

    def freshness(self) -> Freshness:
        return Freshness(
            self.sessions,
            self.authorities,
            self.notices,
            self.audit,
            self.clock,
            self.chance,
            meter=self.meter,
        )

    def revoke(self) -> Revoke:
        return Revoke(self.sessions, self.authorities, self.notices, self.audit, self.clock)

    async def opened(self, *, return_to: str | None = None) -> SessionOpened:
        """An agent opens a session."""
        request = OpenSession(
            provider=self.provider.value,
            stream_types=[self.stream_type.value],
            agent_id="mail-sorter",
            return_to=return_to,
        )
        return await self.connect().open(request, operator=True)

    async def page(self, url: str | None) -> LoginPage:
        """A browser opens a login link."""
        link = None if url is None else Secret(query_of(url)["request"])
        return await self.connect().login(self.provider, link)

    async def answer(self, page: LoginPage, *, code: str = "code", **wrong: str | None) -> Outcome:
        """The browser of that page comes back; `wrong` overrides what it brings."""
        brought: dict[str, str | None] = {
            "state": query_of(page.redirect)["state"],
            "cookie": page.cookie.reveal(),
            "code": code,
            "error": None,
            "iss": ISSUER,
        } | wrong
        secrets = {
            name: None if (value := brought[name]) is None else Secret(value)
            for name in ("code", "state", "cookie")
        }
        return await self.connect().callback(
            self.provider, **secrets, error=brought["error"], iss=brought["iss"]
        )

    async def consented(self) -> Session:
        """A session whose user consented."""
        opened = await self.opened()
        return (await self.answer(await self.page(opened.authorization_url))).session

    async def now(self, session: Session) -> Session:
        """The session as it is stored now."""
        stored = await self.sessions.get(session.pk)
        assert stored is not None
        return stored
