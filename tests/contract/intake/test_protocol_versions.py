"""Versions of the protocol on a real database: which decides, what a new one may do, and decisions made again from rows."""

import copy
import json
import os
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.exc import IntegrityError

from services.evaluate.stored import read_stored, sections
from services.evaluate.versions import Version
from services.intake.commands import replays, shadow
from services.intake.commands.evidence import canonical, digest
from services.intake.commands.protocol_files import ProtocolFileInvalid
from services.intake.commands.protocols import NothingInForce, ProtocolChanged, Protocols
from services.intake.domain.triage.protocol import Protocol
from services.intake.domain.triage.protocol_file import PROTOCOLS
from services.intake.domain.triage.protocol_parse import parse_protocol
from services.intake.queries.stored_decisions import NEWEST, decisions_before
from shared.auth import Role
from shared.db import Database
from tests.contract.intake.conftest import DENIED, Intake, dangerous_report, doubtful_report, running, safe_report
from tests.contract.intake.fakes import FakeDispatch
from tests.unit.intake.evidence import PROTOCOL
from tests.unit.intake.test_triage_protocol import minimal

QuickDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's, where PyYAML was built with it: the other one takes seconds for a protocol."""


@cache
def looser() -> Protocol:
    """Return a later version that takes a drunk for a dispute: code 390 may be civilian in it."""
    document: Any = copy.deepcopy(dict(PROTOCOL.document))
    document |= {"version": "looser", "effective_from": (PROTOCOL.effective_from + timedelta(days=1)).isoformat()}
    for group in document["codes"]:
        group["codes"] = [code for code in group["codes"] if code != "390"]
    document["codes"].append({"verdict": "allowed", "matter": "dispute", "codes": ["390"]})
    return parse_protocol(document)


async def register(intake: Intake, protocol: Protocol) -> None:
    """Put a version into the database, as another replica would, and let this one learn it."""
    document = {**protocol.document, "effective_from": protocol.effective_from.isoformat()}
    await intake.rows(
        "INSERT INTO intake.protocol_version (version, document, digest, effective_from, approved_by, loaded_at) VALUES "
        "(:version, CAST(:document AS json), '\\x00', :since, 'a council', intake.clock()) RETURNING 1",
        version=protocol.version, document=json.dumps(document), since=protocol.effective_from,
    )  # fmt: skip
    await intake.app.state.desk.protocols.learn(intake.db)


async def test_a_new_version_alone_never_makes_a_live_call_safer(intake: Intake) -> None:
    await intake.reviewer_reads_the_queue()
    call = await intake.report(safe_report(call_type_code="390"))
    assert call["status"] == "in_review"
    await register(intake, looser())
    other = await intake.report(safe_report(call_type_code="390"))
    assert (other["status"], other["decision"]["protocol_version"]) == ("queued", "looser")
    path = f"/v1/calls/{call['id']}"
    for words in ("RP adds: it is about the parking space.", "RP adds: they argue about the parking space."):
        later = (await intake.post(f"{path}/updates", {"narrative": words})).json()
        assert (later["status"], later["decision"]["protocol_version"]) == ("in_review", "looser")
        assert "code_review" in {reason["rule"] for reason in later["decision"]["reasons"]}
    body = {"decision": "send_civilian", "reason": "Called back.", "version": later["version"]}
    cleared = (await intake.post(f"{path}/review", body, Role.REVIEWER)).json()
    assert (cleared["status"], cleared["decision"]["verdict"]) == ("queued", "safe")
    await assert_every_decision_can_be_made_again(intake, at_least=5)


async def assert_every_decision_can_be_made_again(intake: Intake, *, at_least: int) -> None:
    """Make every decision that triage made again from its rows alone, with protocols read from the database."""
    protocols = Protocols()
    await protocols.learn(intake.db)
    async with intake.db.autocommit() as unit:
        found = await decisions_before(unit.conn, "los-angeles", NEWEST, limit=200)
    made = [stored for stored in found if stored.was_triage]
    assert len(made) >= at_least
    for stored in made:
        assert digest(stored.evidence).hex() == stored.evidence_digest
        assert canonical(replays.replayed(stored, protocols)) == canonical(stored.decision)


async def test_every_stored_decision_can_be_made_again_from_its_rows_to_the_byte(intake: Intake) -> None:
    await intake.reviewer_reads_the_queue()
    plan = {"plan": {"exclude": {"call_types": ["507"]}, "hours": {"interrupter": []}}, "approved_by": "x"}
    answer = await intake.request("PUT", "/v1/neighborhoods/boyle-heights/plan", Role.SUPERVISOR, json=plan)
    assert answer.status_code == 200, answer.text
    asked = await intake.report(doubtful_report())
    body = {"decision": "send_civilian", "reason": "Called back.", "version": asked["version"]}
    await intake.post(f"/v1/calls/{asked['id']}/review", body, Role.REVIEWER)
    await intake.post(f"/v1/calls/{asked['id']}/updates", {"answers": {"intoxication": "yes"}, "shirt": "red"})
    await intake.report(safe_report(call_type_code="507"))  # what the plan excludes
    linked = await intake.report(safe_report(linked_to=[asked["cad_event_id"]]))
    for cut in ("", " HE HAS A GUN"):
        body = {"narrative": "They talk about parking. " * 800 + cut}
        await intake.post(f"/v1/calls/{linked['id']}/updates", body)
    bad = dangerous_report(cad_event_id="TWICE")
    await intake.report(bad)
    await intake.report({**bad, "attempt": 2, "answers": DENIED})
    await intake.report(safe_report(location=None))
    await assert_every_decision_can_be_made_again(intake, at_least=10)


# --- files: at the start, and while the service runs


async def test_a_version_needs_the_name_of_who_approved_it(intake: Intake) -> None:
    with pytest.raises(IntegrityError, match="protocol_version_is_approved"):
        await intake.rows(
            "INSERT INTO intake.protocol_version (version, document, digest, effective_from, approved_by, loaded_at) "
            "VALUES ('nobodys', '{}', '\\x00', intake.clock(), ' ', intake.clock()) RETURNING 1"
        )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"approved_by": ""}, r"city\.yaml, line 3: approved_by: must be text"),
        ({"languages": "en"}, r"city\.yaml, line 4: languages"),
    ],
)
async def test_a_service_does_not_start_with_a_faulty_file(
    database_dsns: Mapping[str, str], tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    write(tmp_path / "city.yaml", minimal() | change)
    with pytest.raises(ProtocolFileInvalid, match=says):
        async with running(database_dsns["intake"], FakeDispatch(), protocols_folder=tmp_path):
            pass


async def test_a_service_does_not_start_while_no_version_is_in_force(intake_db: Database, tmp_path: Path) -> None:
    write(tmp_path / "city.yaml", minimal() | {"effective_from": "2099-01-01T00:00:00-08:00"})
    with pytest.raises(NothingInForce, match="test from 2099-01-01"):
        await Protocols(tmp_path).load(intake_db)


async def test_a_service_does_not_start_with_a_version_that_was_edited(intake_db: Database, tmp_path: Path) -> None:
    write(tmp_path / "city.yaml", minimal())
    await Protocols(tmp_path).load(intake_db)
    write(tmp_path / "city.yaml", minimal() | {"approved_by": "somebody else"})
    with pytest.raises(ProtocolChanged, match=r"city\.yaml: version test"):
        await Protocols(tmp_path).load(intake_db)


def write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(yaml.dump(dict(document), Dumper=QuickDumper, sort_keys=False), encoding="utf-8")


async def test_a_faulty_file_that_comes_later_is_named_by_readyz_and_the_last_valid_one_decides(
    intake: Intake, tmp_path: Path
) -> None:
    [shipped] = PROTOCOLS.glob("*.yaml")
    protocols = intake.app.state.desk.protocols
    protocols._folder = tmp_path
    (tmp_path / shipped.name).write_bytes(shipped.read_bytes())
    await protocols.refresh(intake.db)
    assert "protocol_files" not in (await intake.client.get("/readyz")).json()["degraded"]
    write(tmp_path / "next.yaml", minimal() | {"version": "next", "approved_by": ""})
    changed = shipped.read_text(encoding="utf-8").replace("people_in_quarrel: 10", "people_in_quarrel: 99")
    (tmp_path / shipped.name).write_text(changed, encoding="utf-8")
    await protocols.refresh(intake.db)
    ready = (await intake.client.get("/readyz")).json()
    assert ready["ready"] is True
    said = ready["degraded"]["protocol_files"]
    assert "next.yaml, line 3: approved_by" in said
    assert f"{shipped.name}: version {PROTOCOL.version} was changed" in said
    call = await intake.report(safe_report())
    assert (call["status"], call["decision"]["protocol_version"]) == ("queued", PROTOCOL.version)
    (tmp_path / shipped.name).write_bytes(shipped.read_bytes())
    os.utime(tmp_path / shipped.name, ns=(1, 1))
    write(tmp_path / "next.yaml", minimal() | {"version": "next", "effective_from": "2099-01-01T00:00:00-08:00"})
    await protocols.refresh(intake.db)
    assert "protocol_files" not in (await intake.client.get("/readyz")).json()["degraded"]
    assert (await intake.get("/v1/protocol/next")).json()["in_force"] is False


# --- a version on trial


async def on_trial(intake: Intake, protocol: Protocol) -> shadow.Shadow:
    intake.app.state.desk.protocols.add(protocol)
    intake.app.state.shadow.version = protocol.version
    trial: shadow.Shadow = intake.app.state.shadow
    return trial


async def test_a_version_on_trial_decides_beside_and_without_effect(intake: Intake) -> None:
    trial = await on_trial(intake, looser())
    await intake.reviewer_reads_the_queue()
    call = await intake.report(safe_report(call_type_code="390"))
    assert await intake.rows("SELECT 1 FROM intake.shadow_decision") == []  # nothing waited for it
    await trial.keep()
    [row] = await intake.rows("SELECT decision_id, protocol_version, verdict, decision FROM intake.shadow_decision")
    assert (str(row.protocol_version), row.verdict, row.decision["verdict"]) == ("looser", "safe", "safe")
    now = await intake.call(call["id"])
    assert (now["status"], now["version"], now["decision"]) == ("in_review", call["version"], call["decision"])
    shown = (await intake.get(f"/v1/calls/{call['id']}/decisions", Role.AUDITOR)).text
    assert "looser" not in shown + str(now)
    assert await intake.rows("SELECT 1 FROM intake.wish") == []


async def test_a_version_on_trial_that_fails_disturbs_nothing(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = await on_trial(intake, looser())

    def breaks(*_: object) -> None:
        raise RuntimeError("a bug of the trial")

    monkeypatch.setattr(shadow, "decided_otherwise", breaks)
    call = await intake.report(safe_report())
    failed = shadow.SHADOW.labels("failed")._value.get()  # type: ignore[attr-defined]  # what the counter shows
    assert await trial.keep() is False
    assert shadow.SHADOW.labels("failed")._value.get() == failed + 1  # type: ignore[attr-defined]  # the same
    assert (call["status"], await intake.rows("SELECT 1 FROM intake.shadow_decision")) == ("queued", [])


async def test_readyz_says_when_the_version_on_trial_is_not_there(intake: Intake) -> None:
    intake.app.state.shadow.version = "of-tomorrow"
    ready = (await intake.client.get("/readyz")).json()
    assert (ready["ready"], "of-tomorrow" in ready["degraded"]["shadow"]) == (True, True)
    assert (await intake.report(safe_report()))["status"] == "queued"


# --- `commonground evaluate --stored`


async def test_stored_calls_are_decided_again_and_compared_with_what_was_tried(
    intake: Intake, database_dsns: Mapping[str, str]
) -> None:
    trial = await on_trial(intake, looser())
    await intake.reviewer_reads_the_queue()
    drunk = await intake.report(safe_report(call_type_code="390"))
    await intake.report(dangerous_report())
    await trial.keep()
    body = {"decision": "return", "reason": "No.", "version": drunk["version"]}
    await intake.post(
        f"/v1/calls/{drunk['id']}/review", body, Role.REVIEWER
    )  # a person's word: not for triage to repeat
    stored = await read_stored(database_dsns["intake"], "los-angeles", limit=10)
    every, tried = sections(stored, [Version.of(looser())], lambda cases, _: cases, what_if=False)
    assert every.remarks == ("2 of 2 decisions come out of their rows again to the byte.",)
    assert [column.version for column in every.columns] == ["as decided", "looser"]
    for found in (every, tried):
        [(one, two)] = found.differences()
        assert (one.decision.verdict, two.decision.verdict) == ("review", "safe")
    assert tried.name == "tried in shadow: looser"
    assert (await read_stored(database_dsns["intake"], "los-angeles", limit=1)).decisions[0].decision[
        "verdict"
    ] == "unsafe"
    assert (await read_stored(database_dsns["intake"], "elsewhere", limit=10)).decisions == ()
