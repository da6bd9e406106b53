"""A fault in a protocol file is reported with the line at which it stands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.intake.commands import protocol_files
from services.intake.commands.protocol_files import ProtocolFileInvalid
from tests.unit.intake.test_triage_protocol import minimal


def written(folder: Path, text: str) -> protocol_files.Stamp:
    (folder / "city.yaml").write_text(text, encoding="utf-8")
    [stamp] = protocol_files.stamps(folder)
    return stamp


def as_text(change: Callable[[dict[str, Any]], object]) -> str:
    document = minimal()
    change(document)
    return str(yaml.safe_dump(document, sort_keys=False))


@pytest.mark.parametrize(
    ("change", "stands_at"),
    [
        (lambda d: d.update(version=7), "version: 7"),
        (lambda d: d.update(approved_by="  "), "approved_by: "),
        (lambda d: d["limits"].update(adult_age=99), "  adult_age: 99"),
        (lambda d: d["rules"][0].update(effect="fine"), "  effect: fine"),
        (lambda d: d["rules"][0].pop("explanation"), "- id: weapon"),
        (lambda d: d["denials"]["items"][1].update(denies=["money"]), "  - denies:"),
    ],
)
def test_the_line_at_fault_is_named(tmp_path: Path, change: Any, stands_at: str) -> None:
    text = as_text(change)
    with pytest.raises(ProtocolFileInvalid) as refused:
        protocol_files.read(written(tmp_path, text))
    line = int(str(refused.value).split("line ")[1].split(":")[0])
    assert text.splitlines()[line - 1].startswith(stands_at), str(refused.value)
    assert str(refused.value).startswith("city.yaml, line ")


def test_yamls_own_faults_name_their_line_too(tmp_path: Path) -> None:
    for text, line in (("version: a\nlanguages: [en\n", 3), ("version: a\nversion: b\n", 2), ("", 1)):
        with pytest.raises(ProtocolFileInvalid, match=f"city.yaml, line {line}:"):
            protocol_files.read(written(tmp_path, text))


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "city.yaml").write_bytes(b"version: \xff\xfe\x00")
    [stamp] = protocol_files.stamps(tmp_path)
    with pytest.raises(ProtocolFileInvalid, match=r"city\.yaml"):
        protocol_files.read(stamp)
