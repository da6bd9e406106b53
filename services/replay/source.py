"""Rows of a CSV or JSONL file, plain or gzipped, each with the line on which it starts."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
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


def csv_rows(path: Path) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Return the header and the rows. Raises FileFaultError, also while the rows are read."""
    text = _open(path)
    reader = csv.reader(text, strict=True)
    try:
        header = tuple(name.strip() for name in next(reader, []))
    except (csv.Error, OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise FileFaultError(f"{path}:1: {error}") from error
    if not any(header):
        raise FileFaultError(f"{path}:1: no header: the first line must name the columns")
    return header, _csv_rows(path, header, text, reader)


def _csv_rows(path: Path, header: tuple[str, ...], text: io.TextIOBase, reader: Any) -> Iterator[Row]:
    with text:
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader, None)
            except (csv.Error, OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
                raise FileFaultError(f"{path}:{line}: {error}") from error
            if fields is None:
                return
            if len(fields) != len(header) and fields:
                column = header[len(fields)] if len(fields) < len(header) else f"{len(header) + 1}"
                raise FileFaultError(
                    f"{path}:{line}: column {column!r}: the row has {len(fields)} fields, the header {len(header)}"
                )
            if fields:
                yield Row(path, line, dict(zip(header, fields, strict=True)))


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
