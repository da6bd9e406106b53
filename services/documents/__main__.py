"""Writes the generated pages: `python -m services.documents [--check]`."""

import sys

from services.documents.pages import stale, write


def main() -> int:
    """Write the pages or, with `--check`, name those that differ; the exit code."""
    if "--check" not in sys.argv[1:]:
        for path in write():
            print(f"wrote {path}")  # noqa: T201 - a command's answer
        return 0
    old = stale()
    if old:
        print(f"Not up to date: {', '.join(old)}. Run `python -m services.documents`.", file=sys.stderr)  # noqa: T201
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
