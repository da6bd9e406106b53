"""Decides reports in a process of its own: prints one digest for each. Needs nothing that pip installs."""

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import decide_safely
from services.intake.domain.triage.model import Evidence, Place, Statement
from services.intake.domain.triage.protocol import Protocol
from services.intake.domain.triage.protocol_parse import parse_protocol
from services.intake.wire import decision_to_wire


def digests(protocol: Protocol, reports: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the SHA-256 of each decision as it is stored."""
    for report in reports:
        evidence = Evidence((Statement("report", **report),), Place.known("boyle-heights"))
        decision = decide_safely(evidence, protocol, PlanRules())
        wire = decision_to_wire(decision, decided_at=datetime(2026, 11, 28, tzinfo=UTC))
        stored = json.dumps(wire, separators=(",", ":"), ensure_ascii=False)  # the order of its keys is part of it
        yield hashlib.sha256(stored.encode()).hexdigest()


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print("\n".join(digests(parse_protocol(given["protocol"]), given["reports"])))
