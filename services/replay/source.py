"""Rows of a CSV or JSONL file, plain or gzipped, each with the line on which it starts."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.replay.yaml_file import FileFaultError


@dataclass(frozen=True, slots=True)
class Row:
    """One record and where it stands."""

    path: Path
    line: int
    fields: Mapping[str, Any]

    def fault(self, column: str, words: str) -> FileFaultError:
        """Return the error that names this row's file, line and column."""
        return FileFaultError(f"{self.path}:{self.line}: column {column!r}: {words}")

    def text(self, column: str) -> str:
        """Return the field as text without blanks around it; empty when absent."""
        value = self.fields.get(column)
        return "" if value is None else str(value).strip()


def csv_rows(path: Path, check_header: Callable[[tuple[str, ...]], None]) -> Iterator[Row]:
    """Yield the rows, once `check_header` has let the header pass. Raises FileFaultError while they are read."""
    with _open(path) as text:
        reader = csv.reader(text, strict=True)
        header: tuple[str, ...] = ()
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader, None)
            except (csv.Error, OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
                raise FileFaultError(f"{path}:{line}: {error}") from error
            if not header:
                header = tuple(name.strip() for name in fields or ())
                if not any(header):
                    raise FileFaultError(f"{path}:1: no header: the first line must name the columns")
                check_header(header)
            elif fields is None:
                return
            elif fields:
                yield _row(path, line, header, fields)


def _row(path: Path, line: int, header: tuple[str, ...], fields: list[str]) -> Row:
    if len(fields) != len(header):
        column = header[len(fields)] if len(fields) < len(header) else f"{len(header) + 1}"
        raise FileFaultError(
            f"{path}:{line}: column {column!r}: the row has {len(fields)} fields, the header {len(header)}"
        )
    return Row(path, line, dict(zip(header, fields, strict=True)))


def json_rows(path: Path) -> Iterator[Row]:
    """Return the objects of a JSONL file; blank lines do not count. Raises FileFaultError while they are read."""
    with _open(path) as text:
        number = 0
        while True:
            number += 1
            try:
                line = text.readline()
            except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
                raise FileFaultError(f"{path}:{number}: {error}") from error
            if not line:
                return
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                raise FileFaultError(f"{path}:{number}:{error.colno}: not JSON: {error.msg}") from error
            if not isinstance(value, dict):
                raise FileFaultError(f"{path}:{number}:1: not an object")
            yield Row(path, number, value)


def _open(path: Path) -> io.TextIOBase:
    try:
        if path.suffix == ".gz":
            return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig", newline="")
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise FileFaultError(f"{path}: {error.strerror}") from error
