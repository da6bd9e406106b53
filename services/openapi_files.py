"""The committed OpenAPI files: what each service serves at `/openapi.json`, in a form whose diff can be reviewed."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from services.migrate import ROOT
from services.servers import SERVICES

FOLDER: Final = ROOT / "docs" / "openapi"


def document(service: str) -> str:
    """Return the OpenAPI document of a service as text, keys in the order in which the code has them."""
    settings = import_module(f"services.{service}.settings").Settings(
        database_dsn="postgresql://nobody@127.0.0.1/none", token_secret="t" * 32
    )
    app: Any = import_module(f"services.{service}.app").create_app(settings)  # connects to nothing before it is served
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


def write() -> list[Path]:
    """Write the three files; where they are."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    written = []
    for service in SERVICES:
        path = FOLDER / f"{service}.json"
        path.write_text(document(service), encoding="utf-8")
        written.append(path)
    return written


def stale() -> list[str]:
    """Return the files that differ from what the code says, or are missing."""
    files = {FOLDER / f"{service}.json": document(service) for service in SERVICES}
    return [
        str(path.relative_to(ROOT))
        for path, wanted in files.items()
        if not path.exists() or path.read_text(encoding="utf-8") != wanted
    ]


def code_version() -> str:
    """Return the version in pyproject.toml, which stands beside the code."""
    import tomllib

    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])
