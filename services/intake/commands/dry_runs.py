"""What triage would say about a report: the same decision as for a real one, and nothing is kept."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.commands.deciding import Decided, Room, decide_call, slugs_of
from services.intake.commands.desk import Desk
from services.intake.commands.reports import Report, check_received, draft_call
from services.intake.commands.statements import row_of
from services.intake.queries.calls import calls_of
from services.intake.store import cases
from services.intake.store.cases import CaseRow


async def triage(conn: AsyncConnection, desk: Desk, reporter: str, report: Report) -> Decided:
    """Return the decision that this report would get now, with the evidence of the calls that it names."""
    guess = desk.maps.guess(report.said.body.get("location"))
    setting = await cases.read_setting(
        conn, jurisdiction=desk.jurisdiction, cad_system=report.cad_system,
        events=[report.cad_event_id, *report.said.linked_to], slugs=slugs_of(guess.slug),
    )  # fmt: skip
    check_received(report.received_at, setting.now)
    known = await calls_of(conn, setting.group)
    others = {
        call.id: call for call in known if (call.cad_event_id, call.attempt) != (report.cad_event_id, report.attempt)
    }
    room = Room(setting, others, await cases.read_cases(conn, list(others)))
    draft = draft_call(desk, reporter, setting.now, report)
    return await decide_call(conn, desk, room, draft, CaseRow((row_of(report.said, 1),), (), {}, 0))
