"""The city's default plan: a reviewed file, which becomes a row when a service that has a newer version of it first starts.

So all replicas decide by the same one, an older replica too, from a moment that is known; and an old decision finds the version it
was made under.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

from services.intake.commands.desk import Desk
from services.intake.commands.plans import rules_in_force, unknown_rules
from services.intake.domain.plan import DEFAULT_SLUG
from services.intake.plan_files import DefaultPlanFile, read_default_plan
from services.intake.plan_model import plan_body, read_body
from services.intake.queries.plans import latest_version, plan_version
from services.intake.store.plans import PlanVersion, add_plan, hold_decisions, hold_plan
from shared.db import Database

DEFAULT_PLAN: Final = Path(str(files("services.intake"))) / "default-plan.yaml"
_ENTERED_BY: Final = "intake:start"


class DefaultPlanRefused(Exception):
    """The default plan's file cannot be used; the message says what to do. The service does not start."""


async def load_default_plan(db: Database, desk: Desk) -> None:
    """Put the default plan of the file in force, unless that version or a newer one is. Raises PlanFileInvalid and DefaultPlanRefused."""
    path = desk.settings.default_plan or DEFAULT_PLAN
    file = read_default_plan(path)
    async with db.transaction() as unit:
        await hold_plan(unit.conn, DEFAULT_SLUG)
        newest = await latest_version(unit.conn, DEFAULT_SLUG)
        if newest >= file.version:
            _require_same(path, file, await plan_version(unit.conn, DEFAULT_SLUG, file.version))
            return
        if faults := unknown_rules(file.plan, await rules_in_force(unit.conn, desk)):
            raise DefaultPlanRefused("; ".join(f"{path.name}: {f['pointer']}: {f['detail']}" for f in faults))
        now = await hold_decisions(unit.conn)
        new = PlanVersion(
            DEFAULT_SLUG, file.version, plan_body(file.plan), now, file.approved_by, _ENTERED_BY, now,
        )  # fmt: skip
        await add_plan(unit.conn, new)


def _require_same(path: Path, file: DefaultPlanFile, kept: PlanVersion | None) -> None:
    """Raise DefaultPlanRefused if the version was in force with another content: a version is never edited."""
    if kept is not None and plan_body(read_body(kept.body)) != plan_body(file.plan):
        raise DefaultPlanRefused(
            f"{path.name}: /version: version {file.version} was changed after it had been in force; give it a new version."
        )
