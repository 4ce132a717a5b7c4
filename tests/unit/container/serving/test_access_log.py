"""Log lines: JSON that any reader takes, or text with the prefix; a request's facts in order."""

import json
import logging
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from os import getpid
from typing import Any

import pytest

from object2vec_container.serving.access_log import FACTS, JSONFormatter, configure, log_request


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


def record_of(message: str, *arguments: object, **given: Any) -> logging.LogRecord:
    record = logging.LogRecord("a", logging.WARNING, "f.py", 1, message, arguments, None)
    record.__dict__.update(given)
    return record


def formatted(record: logging.LogRecord) -> dict[str, Any]:
    line = JSONFormatter().format(record)
    assert "\n" not in line
    told: dict[str, Any] = json.loads(line)
    return told


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def test_a_line_tells_time_level_process_and_message() -> None:
    record = record_of("%d of %s", 3, "four", created=1_700_000_000.007, msecs=7.9)
    assert list(formatted(record).items()) == [
        ("time", "2023-11-14T22:13:20.007Z"),
        ("level", "WARNING"),
        ("process", getpid()),
        ("message", "3 of four"),
    ]


def test_the_time_is_now_in_utc_whatever_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-9")
    time.tzset()
    told = datetime.fromisoformat(formatted(record_of(""))["time"])
    monkeypatch.undo()
    time.tzset()
    assert abs((told - datetime.now(UTC)).total_seconds()) < 5


def test_whatever_a_message_holds_stays_on_one_line() -> None:
    message = 'line\nfeed "quotes" \\ \u2028 ü \x00 \r'
    assert formatted(record_of("%s", message))["message"] == message
    assert "ü" in JSONFormatter().format(record_of("ü"))


def test_a_traceback_stands_on_the_line_too() -> None:
    with pytest.raises(ValueError, match="two") as caught:
        raise ValueError("two\nlines")
    told = formatted(record_of("failed", exc_info=(caught.type, caught.value, caught.tb)))
    assert told["message"] == "failed"
    assert told["traceback"].startswith("Traceback")
    assert told["traceback"].endswith("ValueError: two\nlines")


def test_facts_stand_in_place_of_the_message() -> None:
    told = formatted(
        record_of("request a=1", **{FACTS: {"status": 200, "path": "/ping", "x": {1}}})
    )
    assert list(told)[3:] == ["status", "path", "x"]
    assert told["status"] == 200
    assert told["x"] == "{1}"


def test_a_request_is_a_json_object_with_its_facts_in_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(logging.INFO, as_json=True)
    log_request({"request_id": "r", "status": 400, "record": None, "total_ms": 1.25})
    log_request({"status": 200}, logging.DEBUG)
    (line,) = lines_of(capsys)
    told = json.loads(line)
    assert list(told.items())[3:] == [("request_id", "r"), ("status", 400), ("total_ms", 1.25)]
    assert told["level"] == "INFO"


def test_a_request_is_a_line_of_text_with_the_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    configure(logging.DEBUG, as_json=False)
    log_request({"request_id": "r", "status": 0, "record": None, "total_ms": 1.25}, logging.DEBUG)
    (line,) = lines_of(capsys)
    assert re.fullmatch(
        r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d DEBUG \d+\] request request_id=r status=0 total_ms=1.25",
        line,
    )


def test_libraries_lines_have_the_same_form_and_none_is_doubled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(logging.INFO, as_json=False)
    configure(logging.WARNING, as_json=True)
    library = logging.getLogger("third.party")
    library.info("not told")
    library.warning("told %s", "once")
    (line,) = lines_of(capsys)
    assert json.loads(line)["message"] == "told once"
