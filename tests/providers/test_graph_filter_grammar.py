"""The grammar of outlook_messages' filter: read, written, judged, refused with a position."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scp_server.domain.errors import StreamConfigError
from scp_server.providers.microsoft.odata import (
    ELEMENTS,
    FUNCTIONS,
    PROPERTIES,
    All,
    AnyOf,
    Call,
    Compare,
    Either,
    Expression,
    Kind,
    Not,
    spelled,
)
from scp_server.providers.microsoft.odata_judge import askable, includes
from scp_server.providers.microsoft.odata_parser import parse

texts = st.text(st.characters(codec="utf-8"), max_size=8)
times = st.datetimes(
    min_value=datetime.fromisoformat("1902-01-01"), max_value=datetime.fromisoformat("2900-01-01")
).map(lambda moment: moment.replace(tzinfo=UTC))


def comparisons(paths: dict[str, Kind]) -> st.SearchStrategy[Expression]:
    def of(path: str) -> st.SearchStrategy[Expression]:
        equal, ordered = st.sampled_from(["eq", "ne"]), st.sampled_from(["gt", "ge", "lt", "le"])
        anyhow = st.one_of(equal, ordered)
        match paths[path]:
            case Kind.TRUTH:
                return st.builds(Compare, st.just(path), equal, st.booleans())
            case Kind.TIME:
                return st.builds(Compare, st.just(path), anyhow, times)
            case _:
                call = st.builds(Call, st.sampled_from(FUNCTIONS), st.just(path), texts)
                absent = st.builds(Compare, st.just(path), equal, st.none())
                return st.one_of(call, absent, st.builds(Compare, st.just(path), anyhow, texts))

    plain = [path for path, kind in paths.items() if kind not in ELEMENTS]
    return st.sampled_from(plain).flatmap(of)


def grown(leaves: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def grow(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(parts, min_size=2, max_size=3).map(tuple)
        return st.one_of(st.builds(Not, parts), st.builds(All, several), st.builds(Either, several))

    return st.recursive(leaves, grow, max_leaves=5)


def anys() -> st.SearchStrategy[Expression]:
    def of(path: str) -> st.SearchStrategy[Expression]:
        inner = grown(comparisons(dict(ELEMENTS[PROPERTIES[path]])))
        return st.builds(AnyOf, st.just(path), st.one_of(st.none(), inner))

    return st.sampled_from([p for p, kind in PROPERTIES.items() if kind in ELEMENTS]).flatmap(of)


expressions = grown(st.one_of(comparisons(dict(PROPERTIES)), anys()))


@settings(deadline=None, max_examples=60)
@given(expressions)
def test_what_is_written_is_read_as_the_same(expression: Expression) -> None:
    assert parse(spelled(expression)) == expression


recipients = st.fixed_dictionaries(
    {"emailAddress": st.fixed_dictionaries({"address": texts, "name": texts})}
)
messages = st.fixed_dictionaries(
    {
        "subject": st.one_of(st.none(), texts),
        "isRead": st.booleans(),
        "receivedDateTime": times.map(lambda t: t.isoformat()),
        "categories": st.lists(texts, max_size=3),
        "toRecipients": st.lists(recipients, max_size=2),
        "from": recipients,
    }
)


def simply(expression: Expression, subject: Any) -> bool:  # noqa: ANN401  (JSON)
    """The meaning again, by other means."""
    match expression:
        case Not(part):
            return not simply(part, subject)
        case All(parts) | Either(parts):
            found = {simply(part, subject) for part in parts}
            return found == {True} if isinstance(expression, All) else True in found
        case AnyOf(path, condition):
            elements = subject.get(path, [])
            return any(condition is None or simply(condition, one) for one in elements)
        case Call():
            return called(expression, got(subject, expression.path))
        case Compare():
            return compared(expression, got(subject, expression.path))


def called(call: Call, held: Any) -> bool:  # noqa: ANN401  (JSON)
    if held is None:
        return False
    wanted = call.text.casefold()
    if call.name == "contains":
        return bool(held.find(wanted) >= 0)
    end = held[: len(wanted)] if call.name == "startswith" else held[len(held) - len(wanted) :]
    return len(held) >= len(wanted) and bool(end == wanted)


def compared(comparison: Compare, held: Any) -> bool:  # noqa: ANN401  (JSON)
    value, operator = comparison.value, comparison.operator
    other: Any = value.casefold() if isinstance(value, str) else value
    if operator in {"eq", "ne"}:
        return (held == other) is (operator == "eq")
    if held is None:
        return False
    order = (held > other) - (held < other)
    return order in {"gt": (1,), "ge": (0, 1), "lt": (-1,), "le": (-1, 0)}[operator]


def got(subject: Any, path: str) -> Any:  # noqa: ANN401  (JSON)
    held = subject
    for step in path.split("/") if path else []:
        held = held.get(step) if isinstance(held, dict) else None
    if path.endswith("DateTime"):
        return None if held is None else datetime.fromisoformat(held)
    return held.casefold() if isinstance(held, str) else held


@settings(deadline=None, max_examples=60)
@given(expressions, messages)
def test_judging_means_what_the_words_say(expression: Expression, message: dict[str, Any]) -> None:
    assert includes(expression, message) == simply(expression, message)


@settings(deadline=None, max_examples=60)
@given(
    expressions,
    st.dictionaries(
        st.sampled_from(sorted(PROPERTIES)),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), texts),
            lambda inner: st.one_of(
                st.lists(inner, max_size=2), st.dictionaries(texts, inner, max_size=2)
            ),
            max_leaves=4,
        ),
    ),
)
def test_a_message_of_any_shape_is_judged_without_a_failure(
    expression: Expression, message: dict[str, Any]
) -> None:
    assert includes(expression, message) in {True, False}


@given(st.text(max_size=60))
def test_anything_is_read_or_refused_with_a_position(source: str) -> None:
    where: object = 0
    try:
        parse(source)
    except StreamConfigError as refusal:
        where = refusal.details["position"]
    assert isinstance(where, int)
    assert 0 <= where <= len(source)


@pytest.mark.parametrize(
    ("source", "position", "words"),
    [
        ("", 0, "property"),
        ("isRead", 6, "eq"),
        ("isRead eq 'yes'", 10, "true or false"),
        ("isRead gt true", 10, "eq and ne"),
        ("unknown eq 'x'", 0, "property"),
        ("subject eq 'it", 11, "needs a '"),
        ('subject eq "x"', 11, "not understood"),
        ("receivedDateTime ge '2026-01-01'", 20, "without quotes"),
        ("receivedDateTime ge 2026-13-01", 20, "no calendar"),
        ("length(subject) eq 'x'", 0, "no such function"),
        ("contains(isRead,'x')", 9, "holds a text"),
        ("contains(subject,x)", 17, "single quotes"),
        ("contains(subject,'x'", 20, '")"'),
        ("categories eq 'Red'", 0, "any()"),
        ("subject/any(c:c eq 'x')", 0, "any()"),
        ("categories/any(c:d eq 'x')", 17, "property of"),
        ("isRead eq true isRead eq true", 15, '"and"'),
        ("(" * 40 + "isRead eq true" + ")" * 40, 33, "nested"),
        ("subject eq 'x' and", 18, "property"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused_where_it_stands(
    source: str, position: int, words: str
) -> None:
    with pytest.raises(StreamConfigError) as caught:
        parse(source)
    assert caught.value.details["position"] == position
    assert words in caught.value.message


def test_quotes_are_doubled_words_are_in_any_case_and_times_need_no_zone() -> None:
    assert parse("Subject EQ 'x'".replace("Subject", "subject")) == Compare("subject", "eq", "x")
    assert parse("subject eq 'it''s'") == Compare("subject", "eq", "it's")
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for written in ("2026-01-01T12:00:00Z", "2026-01-01T13:00:00+01:00", "2026-01-01T12:00"):
        found = parse(f"receivedDateTime ge {written}")
        assert found == Compare("receivedDateTime", "ge", noon)
    assert spelled(Compare("receivedDateTime", "ge", noon.astimezone(timezone(timedelta(hours=5)))))


def test_and_binds_closer_than_or_and_not_closer_than_both() -> None:
    a, b, c = (Compare("subject", "eq", letter) for letter in "abc")
    words = "subject eq 'a' or subject eq 'b' and not subject eq 'c'"
    assert parse(words) == Either((a, All((b, Not(c)))))
    assert parse("(subject eq 'a' or subject eq 'b') and subject eq 'c'") == All(
        (Either((a, b)), c)
    )


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("isRead eq false and contains(subject,'x')", True),
        ("categories/any(c:c eq 'Red')", True),
        ("not (isRead eq true)", False),
        ("isRead eq false and endswith(subject,'x')", False),
        ("contains(body/content,'x')", False),
        ("subject eq null", False),
    ],
)
def test_graph_is_asked_only_for_what_it_is_known_to_judge_alike(
    source: str, *, sent: bool
) -> None:
    assert askable(parse(source)) is sent
