"""How long triage reads, beside what it cannot be faster than: `python -m tests.bench.triage`.

Prints CPU times of one core, and each as a multiple of the floor: splitting the same text into words.
"""

import statistics
import textwrap
import time
from collections.abc import Callable, Sequence
from typing import Final

from services.intake.domain.triage.text import tokenize
from shared import loading
from tests.unit.intake.evidence import PROTOCOL, decided, said
from tests.unit.intake.test_triage_cases import cases

_USUAL: Final = 2_000
_LARGEST: Final = 65_536
_NEWS: Final = 300
"""So many calls whose words come up for the first time: what each costs until the process has met the language."""
_CRAFTED: Final = (
    "knife ",
    "no weapons ",
    "ni golpes ",
    "told RP he'd ",
    "a ",
    "if ",
    "la tiene ",
    '"',
    "zqx ",
    "k n i f e ",
    "weapons. ",
    "no\n",
    "no weapons seen by anybody in the house, no\n",
)
_ENDING: Final = " weapons, threats: no to all."
"""What makes a list of whatever came before it, were a list to cross the end of a sentence."""


def main() -> None:
    """Measure and print."""
    told = " ".join(case.record["narrative"] for case in cases())
    usual = [told[at : at + _USUAL] for at in range(0, len(told) - _USUAL, _USUAL)]
    loading.end()  # as a service does after it has read its protocol
    print(f"protocol {PROTOCOL.version}, {len(usual)} texts of {_USUAL} characters")
    news = sorted(_cpu_ms(_decide, case.record["narrative"]) for case in cases()[:_NEWS])
    print(
        f"of {len(news)} calls in a new process, each read once: p50 {statistics.median(news):.1f} ms, p99 {news[-_NEWS // 100]:.1f} ms"
    )
    _row("a call of 2,000 characters", usual)
    _row("the same in lines of 60", ["\n".join(textwrap.wrap(text, 60)) for text in usual])
    _row("64 KiB of narratives", [(told * 3)[:_LARGEST]] * 5)
    for phrase in _CRAFTED:
        half, whole = ((phrase * _LARGEST)[: size - len(_ENDING)] + _ENDING for size in (_LARGEST // 2, _LARGEST))
        _row(f"64 KiB of {phrase!r}", [whole])
        print(f"    twice as long: {_cpu_ms(_decide, whole) / _cpu_ms(_decide, half):.1f} times the work")


def _row(name: str, texts: Sequence[str]) -> None:
    for text in texts:
        _decide(text)  # what is remembered is remembered
    floor = statistics.median(_cpu_ms(tokenize, text) for text in texts)
    times = sorted(_cpu_ms(_decide, text) for text in texts for _ in range(3))
    middle, high = statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.99))]
    print(f"{name}: p50 {middle:.1f} ms, p99 {high:.1f} ms, {middle / floor:.1f} times the floor {floor:.2f} ms")


def _decide(text: str) -> object:
    return decided(said(text))


def _cpu_ms(what: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    what(text)
    return (time.process_time() - started) * 1000


if __name__ == "__main__":
    main()
