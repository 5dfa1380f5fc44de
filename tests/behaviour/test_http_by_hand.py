"""HTTP by hand: an answer is known to be whole by its length or its last chunk, in whatever pieces it comes."""

from __future__ import annotations

import pytest

from benchmarks.http_by_hand import Answer, NoAnswer, Requests, answer_in

ANSWER = b'HTTP/1.1 200 OK\r\nX-Content-Length: 3\r\ncontent-LENGTH: 14\r\n\r\n{"matches":[]}'


def test_an_answer_is_whole_when_all_of_its_body_has_come() -> None:
    """Not before: in any of its beginnings something is missing."""
    assert answer_in(ANSWER) == Answer(200, b'{"matches":[]}')
    assert all(answer_in(ANSWER[:size]) is None for size in range(len(ANSWER)))


def test_an_answer_in_chunks_is_whole_with_the_last_of_them() -> None:
    """Which has nothing in it."""
    head = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = head + b"4;x=y\r\nnow \r\n5\r\nlater\r\n0\r\n\r\n"
    assert answer_in(answer) == Answer(503, b"now later")
    assert all(answer_in(answer[:size]) is None for size in range(len(answer)))


def test_more_than_an_answer_is_none() -> None:
    """Only one request is under way, so nothing may come after its answer."""
    with pytest.raises(NoAnswer):
        answer_in(ANSWER + b"H")


def test_an_answer_without_a_length_is_none() -> None:
    """Nobody knows when it is whole; a length in the body is none of its head."""
    with pytest.raises(NoAnswer):
        answer_in(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\r\ncontent-length: 0\r\n\r\n")


def test_a_request_has_its_path_headers_and_length() -> None:
    """The path is below that of the server's URL."""
    requests = Requests("http://localhost:80/base", {"X-Told": "yes"})
    assert requests.post("/query", b"{}") == (
        b"POST /base/query HTTP/1.1\r\nHost: localhost:80\r\nX-Told: yes\r\nContent-Length: 2\r\n\r\n{}"
    )
