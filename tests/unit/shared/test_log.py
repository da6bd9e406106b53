"""Every line of a service's log is JSON, whoever writes it, and holds nothing that a caller said."""

import json
import subprocess
import sys

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.db import Database

SPEAKS = """
import logging, structlog
from shared import log
log.configure("intake", "INFO")
logging.getLogger("uvicorn.error").info('said "so" \\n in %d lines', 2)
try:
    raise ValueError("inside")
except ValueError:
    logging.getLogger("uvicorn.error").exception("failed")
logging.getLogger("httpx2").info("each poll")
structlog.get_logger().info("call.reported", narrative="he has a knife", caller={"phone": "555"}, call="7")
"""


def test_every_line_is_json_and_the_words_of_a_call_are_not_in_it() -> None:
    said = subprocess.run([sys.executable, "-c", SPEAKS], capture_output=True, text=True, check=True).stderr
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["event"] for line in lines] == ['said "so" \n in 2 lines', "failed", "call.reported"]
    assert "ValueError: inside" in lines[1]["exception"]
    assert lines[2]["narrative"] == lines[2]["caller"] == "[redacted]"
    assert lines[2]["call"] == "7"
    assert lines[2]["service"] == "intake"


async def test_a_failed_statement_does_not_tell_its_parameters(intake_db: Database) -> None:
    with pytest.raises(DBAPIError) as failed:
        await intake_db.scalar(text("SELECT 1 / (length(:words) - length(:words))"), {"words": "he has a knife"})
    assert "knife" not in str(failed.value)
