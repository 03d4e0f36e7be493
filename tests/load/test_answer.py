"""Answers read off bytes: however they are cut, the same answer; whatever they are, an answer or a named error."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.load._answer import IN_VAIN, KNOWN, MOST_KEPT, MOST_KNOWN, SELDOM, Answer, WireError

BODIES = st.binary(max_size=200)
CUTS = st.lists(st.integers(0, 400), max_size=12)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(each, len(data)) for each in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if b > a]


def read(data: bytes, cuts: list[int], *, head: bool = False, closed: bool = False) -> Answer:
    answer = Answer()
    answer.begin(head=head)
    for piece in pieces(data, cuts):
        answer.feed(piece)
    if closed:
        answer.end()
    return answer


def with_length(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nSet-Cookie: a=b\r\n\r\n" % len(body) + body


def chunked(parts: list[bytes]) -> bytes:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in parts if each)
    return b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


@given(BODIES, CUTS)
def test_a_body_with_a_length_is_the_same_however_it_comes(body: bytes, cuts: list[int]) -> None:
    answer = read(with_length(body), cuts)
    assert answer.complete and answer.keep and answer.cookies
    assert (answer.status, b"".join(answer.body), answer.size) == (200, body, len(body))


@given(st.lists(BODIES, max_size=5), CUTS)
def test_a_body_in_chunks_is_the_same_however_it_comes(parts: list[bytes], cuts: list[int]) -> None:
    answer = read(chunked(parts), cuts)
    assert answer.complete and answer.keep
    assert (answer.status, b"".join(answer.body)) == (404, b"".join(parts))


@given(BODIES, CUTS)
def test_a_body_that_ends_with_the_connection(body: bytes, cuts: list[int]) -> None:
    data = b"HTTP/1.1 200 OK\r\n\r\n" + body
    assert not read(data, cuts).complete
    answer = read(data, cuts, closed=True)
    assert answer.complete and not answer.keep
    assert b"".join(answer.body) == body


@given(BODIES, st.integers(1, 50), CUTS)
def test_a_body_cut_short_is_no_answer(body: bytes, missing: int, cuts: list[int]) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) + missing) + body
    with pytest.raises(WireError) as raised:
        read(data, cuts, closed=True)
    assert raised.value.name == "ClosedEarly"


@given(st.binary(max_size=300), CUTS, st.booleans(), st.booleans())
def test_whatever_comes_is_an_answer_or_a_named_error(data: bytes, cuts: list[int], head: bool, closed: bool) -> None:
    try:
        read(data, cuts, head=head, closed=closed)
    except WireError as error:
        assert error.name in ("BadResponse", "ClosedEarly", "ConnectionClosed")


@given(st.lists(st.sampled_from(["length", "chunked", "head", "204", "304"]), max_size=8), BODIES, CUTS)
def test_one_answer_does_not_touch_the_next(kinds: list[str], body: bytes, cuts: list[int]) -> None:
    answer = Answer()
    texts = {
        "length": with_length(body),
        "chunked": chunked([body, body]),
        "head": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "204": b"HTTP/1.1 204 No Content\r\n\r\n",
        "304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 34\r\n\r\n",
    }
    expected = {"length": body, "chunked": body + body}
    for kind in kinds:
        answer.begin(head=kind == "head")
        for piece in pieces(texts[kind], cuts):
            answer.feed(piece)
        assert answer.complete and answer.keep
        assert b"".join(answer.body) == expected.get(kind, b"")


HEADERS = st.lists(
    st.tuples(st.sampled_from([b"Server", b"Set-Cookie", b"Connection"]), st.sampled_from([b"x", b"a=b", b"close"]))
)


@given(st.sampled_from([200, 204, 304, 404]), HEADERS, BODIES, st.sampled_from([b"Content-Length", b"content-length"]))
def test_a_head_that_is_known_says_what_it_said_when_it_was_parsed(
    status: int, headers: list[tuple[bytes, bytes]], body: bytes, length: bytes
) -> None:
    lines = b"".join(b"%s: %s\r\n" % each for each in headers)
    body = b"" if status in (204, 304) else body
    head = b"HTTP/1.1 %d X\r\n%s%s: %d\r\n\r\n" % (status, lines, length, len(body))
    KNOWN.clear()
    parsed = read(head + body, [])
    assert head in KNOWN
    known = read(head + body, [])
    for name in ("complete", "keep", "status", "headers", "cookies", "size"):
        assert getattr(known, name) == getattr(parsed, name), name
    assert b"".join(known.body) == b"".join(parsed.body) == body
    in_pieces = read(head + body, [len(head) + len(body) // 2])
    assert (in_pieces.complete, b"".join(in_pieces.body)) == (True, body)
    assert read(head + body, [], head=True).complete is True


def test_only_heads_that_say_where_their_answer_ends_are_known() -> None:
    KNOWN.clear()
    read(chunked([b"abc"]), [])
    read(with_length(b"abc"), [10])
    read(with_length(b"abc") + b"surplus", [])
    read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", [], head=True)
    read(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 34\r\n\r\n", [])
    assert not KNOWN


def test_heads_that_never_come_again_are_remembered_seldom_and_not_for_ever() -> None:
    KNOWN.clear()
    answer = Answer()
    for number in range(IN_VAIN + 10 * SELDOM):
        answer.begin(head=False)
        answer.feed(b"HTTP/1.1 200 OK\r\nX-Id: %d\r\nContent-Length: 0\r\n\r\n" % number)
        assert answer.complete
    assert IN_VAIN + 9 <= len(KNOWN) <= IN_VAIN + 11
    for number in range(MOST_KNOWN + 1):
        read(b"HTTP/1.1 200 OK\r\nX-No: %d\r\nContent-Length: 0\r\n\r\n" % number, [])
    assert len(KNOWN) <= MOST_KNOWN


def test_an_interim_answer_only_announces() -> None:
    answer = read(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", [])
    assert not answer.complete
    answer = read(b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + with_length(b"hi"), [3, 30])
    assert (answer.status, answer.body) == (200, [b"hi"])
    assert (b"X", b"y") not in answer.headers


def test_another_protocol_ends_the_connection() -> None:
    answer = read(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nxyz", [])
    assert (answer.complete, answer.keep, answer.status) == (True, False, 101)


@pytest.mark.parametrize("surplus", [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"garbage"])
def test_more_than_was_asked_for_spoils_the_connection_not_the_answer(surplus: bytes) -> None:
    answer = read(with_length(b"first") + surplus, [])
    assert (answer.complete, answer.keep, b"".join(answer.body)) == (True, False, b"first")


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", True),
    ],
)
def test_whether_the_connection_stays(text: bytes, keep: bool) -> None:
    assert read(text, []).keep is keep


def test_a_body_too_large_to_keep_is_counted() -> None:
    answer = Answer()
    answer.begin(head=False)
    answer.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MOST_KEPT + 3_000_000))
    for _ in range(MOST_KEPT // 1_000_000 + 4):
        answer.feed(b"x" * min(1_000_000, MOST_KEPT + 3_000_000 - answer.size))
    assert answer.complete
    assert answer.size == MOST_KEPT + 3_000_000
    assert sum(len(each) for each in answer.body) <= MOST_KEPT


def test_nothing_at_all_is_a_closed_connection() -> None:
    with pytest.raises(WireError) as raised:
        read(b"", [], closed=True)
    assert raised.value.name == "ConnectionClosed"
