"""The people of the world, all invented, all at `.example` addresses."""

# ruff: noqa: RUF001 - names in other scripts

from dataclasses import dataclass

from scp_sandbox.world.tongues import BY_CODE, Tongue


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who writes or is written to."""

    name: str
    email: str
    tongue: str = "en"

    @property
    def speech(self) -> Tongue:
        """The language this person writes in."""
        return BY_CODE[self.tongue]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody with a mailbox and calendars here.

    `sub` is Google's stable account number (21 digits), `zone` an IANA time zone.
    """

    person: Person
    sub: str
    zone: str

    @property
    def email(self) -> str:
        """The account's address, which is also its primary calendar's id."""
        return self.person.email


def _person(name: str, email: str, tongue: str = "en") -> Person:
    return Person(name=name, email=email, tongue=tongue)


USERS = (
    User(
        person=_person("Ada Brightwell", "ada.brightwell@sandbox.example"),
        sub="108204268033311374519",
        zone="Europe/London",
    ),
    User(
        person=_person("Bruno Castellane", "bruno.castellane@sandbox.example", "fr"),
        sub="113471894520871623304",
        zone="America/Sao_Paulo",
    ),
    User(
        person=_person("Chiyo Morinaga-Vale", "chiyo.morinaga@sandbox.example", "ja"),
        sub="100938217745620019381",
        zone="Asia/Tokyo",
    ),
)

COLLEAGUES = (
    _person("Edda Farnholt", "edda.farnholt@tidewater.example"),
    _person("Tomas Ridley-Voss", "tomas.ridley-voss@tidewater.example"),
    _person("Imani Osterkamp", "imani@osterkamp.example"),
    _person("Perrin O'Marlowe", "perrin.omarlowe@northpier.example"),
    _person("Sunniva Daleng", "sunniva.daleng@tidewater.example"),
    _person("Jonty Wexcombe", "j.wexcombe@quarrylane.example"),
    _person("Mirela Tofan-Gray", "mirela+work@larch.example"),
    _person("Quillon Abery", "quillon@abery.example"),
    _person("Rosalind, Fenn & Partners", "office@fenn-partners.example"),
    _person("Zadie Thornquist", "zadie.thornquist@northpier.example"),
)

ABROAD = (
    _person("Jürgen Mößlang", "juergen.moesslang@werk.example", "de"),
    _person("Anaïs Lefèvre-Dumas", "anais@atelier.example", "fr"),
    _person("森永 さくら", "sakura@morinaga.example", "ja"),
    _person("陈 小岚", "xiaolan@lanhe.example", "zh"),
    _person("Вера Лугова", "vera.lugova@zarya.example", "ru"),
    _person("ليلى الحداد", "layla@haddad.example", "ar"),
    _person("נועה ברקאי", "noa@barkai.example", "he"),
    _person("Pip Sunnybrook 🌻", "pip@sunnybrook.example", "en-emoji"),
)

SENDERS = (
    _person("Paperboat Weekly", "news@paperboat.example"),
    _person("Calder Bay Library", "notices@library.example"),
    _person("Brickworks CI", "builds@brickworks.example"),
    _person("Tallow Bank", "no-reply@tallowbank.example"),
    _person("Greenline Rail", "tickets@greenline.example"),
    _person("Pebble Social", "notify@pebble.example"),
    _person("Harbour Data Forum", "forum@lists.harbour.example"),
    _person("Mossroom Store", "orders@mossroom.example"),
)

SWINDLERS = (
    _person("PRIZE DEPARTMENT", "claims@totally-real-lottery.example"),
    _person("Dr. Wealth", "wealth@quick-gains.example"),
    _person("Account  Securty", "alert@tallowbannk.example"),
)
