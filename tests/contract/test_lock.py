"""The locked dependencies: pinned, hashed, from nowhere in particular, and whole."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("requirements.lock", "requirements-image.lock", "requirements-run.lock")


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_names_no_host(repository: Path, name: str) -> None:
    text = (repository / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index-url|--extra-index-url|-f|--find-links)\b", text, re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_and_hashed(repository: Path, name: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (repository / name).read_text().strip())
    assert len(blocks) > 30
    assert [
        block for block in blocks if not re.match(r"[a-z0-9.-]+==[0-9][^\s]*( ; .*)? \\\n\s+--hash=sha256:", block)
    ] == []


def test_every_dependency_of_the_project_is_locked_at_a_version_it_allows(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(text for extra in project["optional-dependencies"].values() for text in extra),
    ]
    locked: dict[str, list[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9.-]+)==([^\s;]+)", (repository / "requirements.lock").read_text(), re.MULTILINE
    ):
        locked.setdefault(canonicalize_name(name), []).append(version)
    for text in wanted:
        requirement = Requirement(text)
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, f"{text} is not in requirements.lock"
        assert all(requirement.specifier.contains(version) for version in versions), f"{text}: locked are {versions}"


def test_the_smaller_locks_are_parts_of_the_lock(repository: Path) -> None:
    made = runpy.run_path(str(repository / ".ci" / "part_locks.py"))
    for name, extras in made["PARTS"].items():
        assert (repository / name).read_text() == made["part"](*extras), "run .venv/bin/python .ci/part_locks.py"
    image, run = (
        (repository / "requirements-image.lock").read_text(),
        (repository / "requirements-run.lock").read_text(),
    )
    assert "linkify-it-py==" in image  # of markdown-it-py[linkify], which is also asked for without it
    assert "pytest==" not in image + run
    assert "pgserver" not in image
    assert "pgserver" in run
