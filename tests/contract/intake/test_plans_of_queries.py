"""Hot queries can use their index: a predicate that no longer matches it would read every call ever reported."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.intake.queries import feed
from services.intake.store import due, wishes
from tests.contract.intake.conftest import Intake

HOUR = timedelta(hours=1)
HERE = {"jurisdiction": "los-angeles"}
QUERIES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "reviews": (due._REVIEWS, {**HERE, "within": HOUR}, "call_review_open"),
    "own deadlines": (due._OWN, {**HERE, "within": HOUR}, "call_own_deadline"),
    "unaccepted": (due._UNACCEPTED, HERE, "call_own_deadline"),
    "returns": (due._RETURNS, {**HERE, "within": HOUR}, "call_not_acknowledged"),
    "notices": (due._NOTICES, {**HERE, "within": HOUR}, "notice_not_acknowledged"),
    "wishes": (wishes._CLAIM, {**HERE, "retry": HOUR}, "wish_due"),
    "withdrawals": (wishes._UNCONFIRMED, {**HERE, "older_than": HOUR}, "wish_due"),
    "late withdrawals": (wishes._LATE, {**HERE, "within": HOUR}, "wish_due"),
    "feed": (
        feed._PAGE,
        {**HERE, "epoch": 1, "xid": 5, "id": 5, "all_cads": True, "cads": [], "limit": 10},
        "change_in_order",
    ),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_hot_query_finds_its_rows_by_index(intake: Intake, name: str) -> None:
    statement, values, index = QUERIES[name]
    async with intake.db.transaction() as unit:
        await unit.conn.execute(text("SET LOCAL enable_seqscan = off"))  # an empty table is read whole otherwise
        explain = text("EXPLAIN " + statement.text).bindparams(*statement._bindparams.values())
        plan = await unit.conn.execute(explain, values)
        assert index in "\n".join(row[0] for row in plan)
