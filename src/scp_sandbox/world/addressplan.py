"""Plans an address book: who is in it before anybody looks. Pure and seeded."""

# ruff: noqa: RUF001 - names in other scripts

import random

from scp_sandbox.world.anchor import ANCHOR_MS, DAY_MS
from scp_sandbox.world.contact import Contact, Handle, Kind
from scp_sandbox.world.people import ABROAD, COLLEAGUES, SENDERS, USERS, Person, User

SPAN_DAYS = 1500

# fmt: off
_GIVEN = (
    "Alder", "Briony", "Caspian", "Delphine", "Ewan", "Fenella", "Gideon", "Hestia", "Ivo", "Juno",
    "Kester", "Linnea", "Magnus", "Nerys", "Orla", "Percival", "Quilla", "Rowan", "Saskia",
    "Tavish", "Ulrike", "Vesper", "Wilder", "Xanthe", "Yorick", "Zuleika", "Émile", "Åsa",
    "Ñusta", "Łucja",
)
_FAMILY = (
    "Ashgrove", "Birchall-Reed", "Coldwater", "Dunmarrow", "Eastlake", "Fairholm", "Goldsmire",
    "Hollowell", "Inchbrook", "Jessamy", "Kettlewood", "Larkspur", "Mirefield", "Nettleham",
    "Oakhurst", "Pennyworth", "Quarrington", "Redfern", "Stonecrop", "Thistledown", "Underhay",
    "Vinehall", "Westerby", "Yarrow", "Ziegelhof", "de la Brume", "van der Wolk", "O'Fenlan",
    "Sørhavn", "Çınarova",
)
_COMPANIES = (
    "Tidewater Surveys", "North Pier Shipping", "Quarry Lane Works", "Larch & Daughters",
    "Osterkamp Optics", "Fenn & Partners", "Harbour Data", "Atelier Brume", "Greenline Rail",
)
_TITLES = (
    "Surveyor", "Head of Lanterns", "Pilot", "Bookkeeper", "Engineer", "Translator", "Archivist",
    "Director of Tides", "Apprentice", "Counsel",
)
_KINDS: tuple[Kind, ...] = ("work", "home", "mobile", "other")
# fmt: on


def plan_addressbook(user: User, seed: int, count: int) -> list[Contact]:
    """Every contact of a new address book, in order of their last change.

    The people of the user's mail come first; others are invented until there are `count`.
    """
    rng = random.Random(f"{seed}/{user.sub}/contacts")  # noqa: S311
    known = [u.person for u in USERS if u != user]
    known += [*COLLEAGUES, *ABROAD, *SENDERS]
    people = known[:count]
    while len(people) < count:
        people.append(_stranger(rng, len(people)))
    moments = sorted(ANCHOR_MS - int(SPAN_DAYS * DAY_MS * rng.random()) for _ in people)
    rng.shuffle(people)
    return [
        _contact(rng, p, n + 1, m * 1000 + n)
        for n, (p, m) in enumerate(zip(people, moments, strict=True))
    ]


def _stranger(rng: random.Random, place: int) -> Person:
    given, family = rng.choice(_GIVEN), rng.choice(_FAMILY)
    domain = rng.choice(("tidewater", "northpier", "quarrylane", "larch", "harbour", "meadow"))
    return Person(name=f"{given} {family}", email=f"contact{place}@{domain}.example")


def _contact(rng: random.Random, person: Person, change: int, updated_us: int) -> Contact:
    given, _, family = person.name.partition(" ")
    emails = [Handle(person.email)]
    if rng.random() < 0.25:
        local = person.email.partition("@")[0].partition("+")[0]
        emails.append(Handle(f"{local}@home.example", "home"))
    employed = rng.random() < 0.7
    return Contact(
        id=f"{rng.getrandbits(64):016x}",
        number=rng.getrandbits(62) | 1 << 61,
        change=change,
        created_us=updated_us - rng.randrange(90 * DAY_MS) * 1000,
        updated_us=updated_us,
        given=given,
        family=family,
        # Some have no address, only a telephone; a few have neither.
        emails=tuple(emails) if rng.random() < 0.94 else (),
        phones=tuple(_phones(rng)),
        company=rng.choice(_COMPANIES) if employed else None,
        title=rng.choice(_TITLES) if employed and rng.random() < 0.6 else None,
        notes=f"Met at the {rng.choice(_COMPANIES)} stand.\nLikes tea."
        if rng.random() < 0.1
        else None,
    )


def _phones(rng: random.Random) -> list[Handle]:
    # 01632 96xxxx is set aside for invented numbers.
    return [
        Handle(f"+44 1632 96{rng.randrange(10_000):04d}", rng.choice(_KINDS))
        for _ in range(rng.choice((0, 1, 1, 2)))
    ]
