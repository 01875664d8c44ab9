"""Google's batches, read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scp_server.domain.errors import ProviderProtocolError
from scp_server.providers.answers import Answer
from scp_server.providers.google.batch import read_batch, write_batch


def whole(body: bytes, content_type: str = "multipart/mixed; boundary=batch_x") -> Answer:
    return Answer(status=200, headers={"content-type": content_type}, body=body)


# As Google answers batches (Gmail API, "Batching requests").
CAPTURED = (
    b"--batch_x\r\nContent-Type: application/http\r\nContent-ID: <response-part+1>\r\n\r\n"
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json; charset=UTF-8\r\n"
    b'Retry-After: 7\r\n\r\n{"error":{"code":429}}\r\n--batch_x--\r\n'
)


def test_a_part_has_its_own_status_headers_and_body() -> None:
    missing, found = read_batch(whole(CAPTURED), 2)
    assert missing is None
    assert found is not None
    assert (found.status, found.headers["retry-after"]) == (429, "7")
    assert found.body == b'{"error":{"code":429}}'


def test_parts_without_a_name_are_taken_in_order() -> None:
    nameless = CAPTURED.replace(b"Content-ID: <response-part+1>\r\n", b"")
    found, missing = read_batch(whole(nameless), 2)
    assert found is not None
    assert missing is None


def test_a_part_that_nobody_asked_for_is_left_out() -> None:
    assert read_batch(whole(CAPTURED), 1) == [None]


@pytest.mark.parametrize("end", range(1, len(CAPTURED) - 12))
def test_a_batch_that_breaks_off_is_never_taken_for_whole(end: int) -> None:
    with pytest.raises(ProviderProtocolError):
        read_batch(whole(CAPTURED[:end]), 2)


@given(st.binary(max_size=300) | st.just(CAPTURED), st.text(max_size=40), st.integers(1, 5))
def test_whatever_comes_is_a_list_of_that_length_or_a_fault_of_the_provider(
    body: bytes, boundary: str, count: int
) -> None:
    try:
        answers = read_batch(whole(body, f"multipart/mixed; boundary={boundary}"), count)
    except ProviderProtocolError:
        return
    assert len(answers) == count


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)))
def test_each_part_is_one_request_line(targets: list[str]) -> None:
    batch = write_batch([f"/gmail?q={target}" for target in targets])
    lines = batch.body.split(b"\r\n")
    assert [line for line in lines if line.startswith(b"GET ")] == [
        f"GET /gmail?q={target} HTTP/1.1".encode() for target in targets
    ]
    assert sum(line.startswith(b"--scp-batch") for line in lines) == len(targets) + 1
