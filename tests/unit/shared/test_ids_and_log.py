"""Ids that sort by time, and logs without words or persons."""

import io
import json
import logging
import time
from itertools import pairwise
from uuid import RFC_4122

import pytest

from shared import log
from shared.ids import uuid7


def test_ids_are_version_7_differ_and_sort_by_the_millisecond() -> None:
    made = []
    for _ in range(5):
        made.append([uuid7() for _ in range(100)])
        time.sleep(0.002)
    flat = [one for batch in made for one in batch]
    assert len(set(flat)) == 500
    assert {(one.version, one.variant) for one in flat} == {(7, RFC_4122)}
    for earlier, later in pairwise(made):
        assert max(earlier) < min(later)
    assert abs((flat[-1].int >> 80) / 1000 - time.time()) < 5


@pytest.mark.parametrize("name", ["narrative", "phone", "address", "caller", "text", "note", "token", "lat_deg"])
def test_words_and_persons_are_redacted(name: str) -> None:
    event = log._redact(None, "info", {"event": "x", name: "secret", "call_id": "1"})
    assert event == {"event": "x", name: "[redacted]", "call_id": "1"}


def test_the_standard_librarys_records_are_json_lines_with_their_traceback() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log._JSONLine())
    logger = logging.getLogger("library")
    logger.addHandler(handler)
    failure = ValueError('a "quoted"\nreason')
    logger.error("it failed: %s", 'with "quotes"', exc_info=failure)
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert (record["event"], record["level"], record["logger"]) == ('it failed: with "quotes"', "error", "library")
    assert "ValueError" in record["exception"]
