"""What the service counts for Prometheus; the shared kernel counts loops and deliveries."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from services.intake.store.calls import Call

REPORTED: Final = Counter("intake_calls_reported_total", "Calls opened, by the verdict of their report", ["verdict"])
MOVED: Final = Counter("intake_calls_moved_total", "Calls that came to a status, a report's own included", ["status"])
RETURNED: Final = Counter("intake_calls_returned_total", "Calls given back to the call center, by reason", ["reason"])
DECISION_S: Final = Histogram(
    "intake_decision_seconds", "How long triage thinks about one call",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
)  # fmt: skip
SHADOW: Final = Counter(
    "intake_shadow_decisions_total",
    "Decisions of the version on trial, against the one in force: agrees, safer, stricter, failed or dropped", ["result"],
)  # fmt: skip
DISPATCH_ANSWERS: Final = Gauge("intake_dispatch_answers", "1 while dispatch answers heartbeats, else 0")


def count_move(before: Call | None, after: Call) -> None:
    """Count a call's change of status; for after the commit."""
    if before is None:
        REPORTED.labels(after.verdict).inc()
    if before is None or before.status != after.status:
        MOVED.labels(str(after.status)).inc()
        if after.return_reason is not None:
            RETURNED.labels(str(after.return_reason)).inc()
