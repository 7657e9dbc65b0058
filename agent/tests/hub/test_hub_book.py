import json
import logging

import pytest

from mediamesh_agent.hub.book import MOST_ENTRIES, Book
from mediamesh_agent.hub.errors import AttachmentEnded, Refused
from mediamesh_core.jsonlines import JsonLines


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock, caplog: pytest.LogCaptureFixture) -> Book:
    caplog.set_level(logging.INFO)
    return Book(lambda: 5.0, clock)


def test_ends_are_counted_by_place_and_reason(book: Book) -> None:
    for client in ("a", "b"):
        book.note("default/cam", "out", client, AttachmentEnded("PeerGone", f"{client} is gone"))
    book.note("default/cam", "in", "c", AttachmentEnded("PeerGone", "c is gone"))
    first, last = book.observed()
    assert (first.endpoint, first.client, first.message, first.count, first.time) == ("out", "b", "b is gone", 2, 5.0)
    assert (last.endpoint, last.count) == ("in", 1)


def test_the_newest_is_last(book: Book) -> None:
    for reason in ("A", "B", "A"):
        book.note("default/cam", "out", "x", AttachmentEnded(reason, ""))
    assert [end.reason for end in book.observed()] == ["B", "A"]


def test_the_log_has_one_line_a_second_and_says_what_it_left_out(
    book: Book, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(1000):
        book.note("default/cam", "out", "x", AttachmentEnded("PeerGone", "gone"))
    assert len(caplog.records) == 1
    clock.now += 1
    book.note("default/cam", "out", "x", AttachmentEnded("PeerGone", "gone"))
    assert caplog.records[-1].getMessage().endswith("gone (and 999 more like it)")
    assert book.observed()[0].count == 1001


def test_who_stands_by_is_one_line_until_something_changes(
    book: Book, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def tries(message: str, times: int = 100) -> None:
        for _ in range(times):
            clock.now += 0.25
            book.note("default/cam", "in", "spare", Refused("SourceBusy", message, transient=True))

    tries("has a source already")
    assert caplog.messages == ["default/cam in: spare was refused: has a source already"]
    tries("has another source")
    clock.now += 60
    tries("has another source")
    assert caplog.messages[1:] == [
        "default/cam in: spare was refused: has another source (and 99 more like it)",
        "default/cam in: spare was refused: has another source (and 99 more like it)",
    ]
    tries("once more", 1)
    assert book.observed()[0].count == 301
    assert len(caplog.messages) == 4


def test_the_book_is_bounded(book: Book) -> None:
    for number in range(MOST_ENTRIES + 10):
        book.note("default/cam", str(number), "x", AttachmentEnded("PeerGone", ""))
    assert len(book.observed()) == MOST_ENTRIES
    assert book.observed()[-1].endpoint == str(MOST_ENTRIES + 9)


def test_a_successor_goes_on_counting(book: Book, clock: Clock) -> None:
    book.note("default/cam", "out", "x", AttachmentEnded("PeerGone", "gone"))
    heir = Book(lambda: 6.0, clock)
    heir.restore(book.observed())
    heir.note("default/cam", "out", "y", AttachmentEnded("PeerGone", "gone"))
    (end,) = heir.observed()
    assert (end.count, end.client, end.time) == (2, "y", 6.0)


def test_json_lines_have_the_fields(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    book.note("default/cam", "out", "x", AttachmentEnded("PeerGone", "gone"))
    line = json.loads(JsonLines().format(caplog.records[0]))
    assert line["connection"] == "default/cam"
    assert line["reason"] == "PeerGone"
    assert line["level"] == "warning"


def test_json_lines_have_exceptions() -> None:
    error = ValueError("seen")
    record = logging.LogRecord("hub", logging.ERROR, "", 0, "it broke", (), (ValueError, error, None))
    assert "ValueError: seen" in json.loads(JsonLines().format(record))["exception"]
