"""Which pages there are, and whether what is committed is what the code says."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from services import openapi_files
from services.documents import monitoring, plan_schema, problems, protocol, rules, settings, states
from services.migrate import ROOT

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/states.md": states.page,
    "docs/rules.md": rules.page,
    "docs/problems.md": problems.page,
    "docs/settings.md": settings.page,
    "docs/monitoring.md": monitoring.page,
    "docs/protocol.md": protocol.page,
    "docs/plan.schema.json": plan_schema.page,
}


def write() -> list[Path]:
    """Write every generated page and the OpenAPI files; where they are."""
    written = []
    for name, text_of in PAGES.items():
        path = ROOT / name
        path.write_text(text_of(), encoding="utf-8")
        written.append(path)
    return written + openapi_files.write()


def stale() -> list[str]:
    """Return the pages and OpenAPI files that differ from what the code says, or are missing."""
    pages = [
        name
        for name, text_of in PAGES.items()
        if not (ROOT / name).exists() or (ROOT / name).read_text(encoding="utf-8") != text_of()
    ]
    return pages + openapi_files.stale()
