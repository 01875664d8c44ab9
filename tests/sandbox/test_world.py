"""The world itself: the same for the same seed, varied, quickly made."""

import time
from email import message_from_bytes, policy
from itertools import islice

import pytest

from scp_sandbox.clock import Clock
from scp_sandbox.google.gmail.payload import View, resource
from scp_sandbox.world.compose import compose
from scp_sandbox.world.diary import Diary
from scp_sandbox.world.mailbox import Mailbox
from scp_sandbox.world.mime import encoded_word, serialise, size_of
from scp_sandbox.world.people import USERS
from scp_sandbox.world.recipe import Shape
from scp_sandbox.world.tongues import FOREIGN, Tongue
from scp_sandbox.world.world import World


def mailbox(seed: int = 1, visible: int = 1200) -> Mailbox:
    return Mailbox(USERS[0], seed=seed, visible=visible, clock=Clock())


def diary(seed: int = 1, events: int = 300) -> Diary:
    return next(
        iter(World(seed=seed, messages=0, events=events, clock=Clock()).diaries(USERS[0]).values())
    )


def test_the_same_seed_gives_the_same_ids_and_contents() -> None:
    one, two, other = mailbox(7, 200), mailbox(7, 200), mailbox(8, 200)
    full = View(format="raw")
    first = [resource(m, full) for m in one.newest_first()]
    assert first == [resource(m, full) for m in two.newest_first()]
    assert {m.id for m in one.newest_first()}.isdisjoint(m.id for m in other.newest_first())
    assert list(diary(7)) == list(diary(7))
    assert list(diary(7)) != list(diary(8))


@pytest.mark.parametrize("visible", [0, 1, 50, 1200])
def test_a_mailbox_shows_as_many_messages_as_asked_for(visible: int) -> None:
    hidden = {"SPAM", "TRASH"}
    found = [m for m in mailbox(1, visible).newest_first() if hidden.isdisjoint(m.labels)]
    assert len(found) == visible


def test_twenty_thousand_messages_are_made_in_seconds() -> None:
    started = time.perf_counter()
    assert len(mailbox(1, 1200)) > 1200
    assert time.perf_counter() - started < 1.5
    assert len(mailbox(1, 20_000)) > 20_000
    assert time.perf_counter() - started < 15


def test_every_shape_charset_and_script_occurs() -> None:
    recipes = [m.recipe for m in mailbox().newest_first()]
    assert {r.shape for r in recipes} == set(Shape)
    wanted = {"utf-8", "iso-8859-1", "windows-1252", "gb2312", "koi8-r"}
    assert wanted <= {r.charset for r in recipes}
    assert {"en", "ja", "ar", "he", "ru", "zh", "de", "fr", "en-emoji"} <= {
        r.tongue for r in recipes
    }
    labels = {label for m in mailbox().newest_first() for label in m.labels}
    assert {"SPAM", "TRASH", "DRAFT", "SENT", "UNREAD", "STARRED", "Label_6"} <= labels


def test_some_texts_exceed_64_kib_and_some_pages_256_kib() -> None:
    found = list(mailbox().newest_first())
    texts = [m for m in found if m.recipe.shape is Shape.LONG_TEXT]
    pages = [m for m in found if m.recipe.shape is Shape.LONG_HTML]
    assert texts and pages  # noqa: PT018
    assert all(len(compose(m.recipe).content) > 64 * 1024 for m in texts)
    assert all(len(compose(m.recipe).content) > 256 * 1024 for m in pages)


def test_raw_messages_mean_the_same_to_pythons_own_parser() -> None:
    for message in islice(mailbox().newest_first(), 400):
        root = compose(message.recipe)
        parsed = message_from_bytes(serialise(root), policy=policy.default)
        assert not parsed.defects
        assert (parsed["subject"] or "") == message.recipe.subject
        assert parsed.get_content_type() == root.mime_type
        if not root.parts:
            body = parsed.get_content().replace("\r\n", "\n")
            assert body.rstrip("\n") == root.text().replace("\r\n", "\n").rstrip("\n")


def test_answers_refer_to_what_they_answer() -> None:
    box = mailbox()
    answers = 0
    for message in box.newest_first():
        thread = box.thread(message.thread_id)
        if thread[0].id != message.id and message.recipe.references:
            known = {m.recipe.message_id for m in thread}
            assert message.recipe.references[-1] in known
            answers += 1
    assert answers > 300


def test_long_encoded_words_are_split_within_75_octets() -> None:
    words = encoded_word("見積書をお送りします" * 8).split(" ")
    assert len(words) > 1
    assert all(len(word) <= 75 for word in words)


def test_a_calendar_has_series_exceptions_whole_days_and_other_zones() -> None:
    events = list(diary())
    assert any(e.recurrence for e in events)
    assert any(e.series_id and e.status == "cancelled" for e in events)
    assert any(e.series_id and e.status == "confirmed" for e in events)
    assert any(e.status == "cancelled" and not e.series_id for e in events)
    assert any(e.start.day for e in events)
    assert len({e.start.zone for e in events}) > 2
    assert any(e.attendees for e in events)


def test_the_clock_only_goes_forward() -> None:
    clock = Clock(lambda: 1000.0)
    clock.advance(60)
    assert clock.now() == 1060.0
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)


def test_a_messages_size_is_known_without_writing_it() -> None:
    for message in mailbox().newest_first():
        root = compose(message.recipe)
        assert size_of(root) == len(serialise(root))


@pytest.mark.parametrize("tongue", FOREIGN, ids=lambda t: t.code)
def test_every_language_can_be_spelled_in_its_old_charsets(tongue: Tongue) -> None:
    for charset in tongue.charsets:
        for words in (*tongue.subjects, *tongue.sentences, tongue.greeting, tongue.closing):
            assert words.encode(charset).decode(charset) == words
