"""A value in a provider's query language stays a value, whatever it says."""

from typing import Any

import pytest
from corpus.words import WORDS
from hypothesis import example, given
from hypothesis import strategies as st

from scp_sandbox.google.drive import query as drive
from scp_server.domain.errors import StreamConfigError
from scp_server.providers.google.drive_filters import search
from scp_server.providers.microsoft.mail_filters import MailJudge
from scp_server.providers.microsoft.odata import spelled
from scp_server.providers.microsoft.odata_parser import parse
from scp_server.providers.words import words
from scp_wire.filters import FileFilters, OutlookMailFilters

values = st.one_of(
    st.sampled_from(WORDS), st.text(max_size=60), st.text("'\\\" ()=\n", max_size=20)
)


def compared(tree: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401  (a node of any kind)
    """The comparisons of a query, which must be joined in no other way than ours."""
    match tree:
        case drive.Both(left, right) | drive.Either(left, right):
            return [*compared(left), *compared(right)]
        case drive.Compare(term, operator, value):
            return [(term, operator, value)]
        case _:
            raise AssertionError(f"not of ours: {tree}")


@given(value=values, kinds=st.lists(values.filter(bool), max_size=3))
@example(value="' or trashed=true or '", kinds=["' or 'x' in owners or name = '"])
@example(value="\\", kinds=["\\", "\\' or trashed = true or mimeType = '"])
def test_a_search_for_files_holds_its_words_and_nothing_else(value: str, kinds: list[str]) -> None:
    asked = search(FileFilters(query=value, mime_types=tuple(kinds) or None))
    assert asked is not None
    expected = [("name", "contains", word) for word in words(value)]
    expected += [("mimeType", "=", kind) for kind in kinds]
    expected.append(("trashed", "=", "false"))
    if len(asked) <= drive.MOST_CHARACTERS:
        assert compared(drive.parse(asked)) == expected


@given(values)
@example("' or 1 eq 1 or subject eq '")
@example("''")
def test_a_text_in_a_filter_for_outlook_ends_where_it_should(value: str) -> None:
    text = "subject eq '" + value.replace("'", "''") + "'"
    try:
        condition = parse(text)
    except StreamConfigError:
        return
    assert parse(spelled(condition)) == condition
    assert condition.value == value  # type: ignore[union-attr]  # a comparison, or it is wrong


@pytest.mark.parametrize(
    "filter_text",
    [
        "subject eq 'x') or (1 eq 1",
        "subject eq 'x'&$select=*",
        "$expand=*",
        "subject eq 'x' or 1 eq 1",
    ],
)
def test_what_leaves_the_grammar_is_refused(filter_text: str) -> None:
    with pytest.raises(StreamConfigError):
        parse(filter_text)


@given(values)
def test_a_search_for_outlook_is_one_quoted_text(value: str) -> None:
    asked = MailJudge.of(OutlookMailFilters(search=value)).searched()
    assert asked is not None
    assert asked[0] == asked[-1] == '"'
    inner, found, escaped = asked[1:-1], "", False
    for sign in inner:
        if escaped or sign != "\\":
            assert escaped or sign != '"'
            found += sign
            escaped = False
        else:
            escaped = True
    assert (found, escaped) == (value, False)
