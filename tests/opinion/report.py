"""What the second opinion adds on calls that it did not learn from: `python -m tests.opinion.report > docs/second-opinion.md`.

The calls stand in `tests/opinion/unseen`, labelled by the policy and written apart. No rule was mended for them and no
listener learned from them; a danger that is read to mend something moves to the cases. Fit calls that were lost and have been
read since (`read.txt`) stay and count as lost, whatever is found now: without them the share of the others would flatter.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from services.evaluate.bounds import upper_bound
from services.evaluate.case_file import read_cases
from services.evaluate.cases import Case
from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import decide
from services.intake.domain.triage.model import Verdict
from services.intake.domain.triage.protocol import SECOND_OPINION, Protocol
from services.intake.domain.triage.protocol_file import PROTOCOLS, load_protocol
from services.intake.domain.triage.reader import read
from tests.unit.intake.evidence import QUARREL, evidence, said

UNSEEN: Final = Path(__file__).parent / "unseen"
_READ: Final = frozenset((UNSEEN / "read.txt").read_text(encoding="utf-8").split())
_ABOVE: Final = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
_ABOVE_AMBIGUOUS: Final = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0)
_ABOVE_AMBIGUOUS_STORY: Final = (-5.0, -4.0, -3.0, -2.5, -2.0, -1.0, 0.0)
_ABOVE_PLAIN_STORY: Final = (-5.0, -4.0, -3.0, -2.5, -2.0)
_ABOVE_CALMEST: Final = (-1.0, -1.5, -2.0, -3.0)
_ABOVE_SENTENCE: Final = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
_STATEMENTS: Final = {
    "plain.txt": "short statements",
    "hints.txt": "hints, understatements and lay words, half of them harmless ones in nearly the same words,",
}
"""What is told behind calls that are found safe."""
_NEVER: Final = 1e6
_BESIDE: Final = 3
"""Beside so many calls each plain statement is told."""
_BINS: Final = (-4.0, -2.0, 0.0, 2.0, 4.0)


def page(protocol: Protocol, cases: Sequence[Case]) -> str:
    """Return the report in Markdown."""
    return "\n".join(_lines(protocol, cases)) + "\n"


def _lines(protocol: Protocol, cases: Sequence[Case]) -> Iterator[str]:
    asked = protocol.second_opinion
    if asked is None:
        raise ValueError(f"the protocol {protocol.version} asks no second opinion")
    stated = protocol.document[SECOND_OPINION]
    yield "# What the second opinion adds"
    yield ""
    yield (
        "Made by `python -m tests.opinion.report > docs/second-opinion.md`; do not edit. "
        "What it is: [decision 3](decisions/0003-second-opinion.md)."
    )
    yield ""
    yield f"Protocol {protocol.version}, opinion `{stated['model']}` (SHA-256 `{stated['sha256']}`), asked above {stated['above']}."
    yield (
        f"{len(cases)} labelled calls of `tests/opinion/unseen` that neither the rules nor the opinion have learned from. "
        "A danger that is found safe is read, mended, and moved to the cases, a doubtful call most often too: they are not "
        "among these any more, so that the second and third column flatter ([decision 4](decisions/0004-ambiguous-words.md) counts them). "
        f"{len(_READ)} fit calls that were lost have been read since: they count as lost, whatever is found now."
    )
    yield ""
    yield "By `above`, the other numbers as they stand:"
    yield ""
    yield from _table("asked above", "above", _ABOVE, protocol, cases)
    yield ""
    yield (
        "By `above_ambiguous`: up to which log odds of their sentence ambiguous words and loose constructions are only "
        "shown ([decision 4](decisions/0004-ambiguous-words.md), [decision 5](decisions/0005-loose-constructions.md))."
    )
    yield ""
    yield from _table("only shown up to", "above_ambiguous", _ABOVE_AMBIGUOUS, protocol, cases)
    yield ""
    yield "By `above_ambiguous_story`: up to which log odds the whole story must be for that."
    yield ""
    yield from _table("only shown up to", "above_ambiguous_story", _ABOVE_AMBIGUOUS_STORY, protocol, cases)
    yield ""
    yield (
        "By `above_plain_story`: up to which log odds of the story what is told plainly is only shown "
        "([decision 6](decisions/0006-very-calm-stories.md))."
    )
    yield ""
    yield from _table("only shown up to", "above_plain_story", _ABOVE_PLAIN_STORY, protocol, cases)
    yield ""
    yield (
        "By `above_calmest`: up to which log odds the sentence, where it stands, must be for more rules to be set aside so "
        "([decision 13](decisions/0013-the-calmest-sentences.md))."
    )
    yield ""
    yield from _table("only shown up to", "above_calmest", _ABOVE_CALMEST, protocol, cases)
    yield ""
    yield "By `above_sentence`, from where on one sentence of a calm story is enough ([decision 12](decisions/0012-each-sentence.md)):"
    yield ""
    yield from _table("asked above, of a sentence", "above_sentence", _ABOVE_SENTENCE, protocol, cases)
    yield ""
    yield from _told_in_lines(protocol)
    yield ""
    for file, what in _STATEMENTS.items():
        yield from _told_behind(file, what, protocol, cases)
        yield ""
    yield from _told_later(protocol)
    yield ""
    yield "What its number means: calls by the log odds that it gives them, and how many of these were not fit."
    yield ""
    yield "| log odds | calls | not fit |"
    yield "|---|---|---|---|"
    yield from _calibration(protocol, cases)


def _table(what: str, key: str, values: Sequence[float], protocol: Protocol, cases: Sequence[Case]) -> Iterator[str]:
    """Yield a table of what is found safe when `key` of the section has each of `values`; first without all of it."""
    asked, stated = protocol.second_opinion, protocol.document[SECOND_OPINION]
    assert asked is not None
    yield f"| {what} | fit calls found safe | not fit (dangers) found safe | for a person, found safe |"
    yield "|---|---|---|---|"
    none = asked.opinion.score_of(-_NEVER)
    each = asked._replace(above_ambiguous=none, above_plain=none, above_calmest=None)
    if key == "above":
        alone = each._replace(above=asked.opinion.score_of(_NEVER), above_sentence=None)
        yield _row("the rules alone, each ambiguous word for a person", replace(protocol, second_opinion=alone), cases)
    elif key == "above_calmest":
        yield _row("never: each in full", replace(protocol, second_opinion=asked._replace(above_calmest=None)), cases)
    elif key == "above_sentence":
        yield _row("no sentence alone", replace(protocol, second_opinion=asked._replace(above_sentence=None)), cases)
    else:
        yield _row("never: each for a person", replace(protocol, second_opinion=each), cases)
    for value in sorted({*values, float(stated[key])}, reverse=True):
        changed: dict[str, Any] = {key: asked.opinion.score_of(value)}
        opinion = asked._replace(**changed)
        name = f"**{value}**" if value == stated[key] else str(value)
        yield _row(name, replace(protocol, second_opinion=opinion), cases)


def _told_in_lines(protocol: Protocol) -> Iterator[str]:
    """Yield what is found safe of the lines that it has not learned from."""
    lines = (UNSEEN / "lines.txt").read_text(encoding="utf-8").splitlines()
    told = Counter(line[0] for line in lines)
    found = Counter(
        line[0] for line in lines if decide(evidence(said(line[2:])), protocol, PlanRules()).verdict is Verdict.SAFE
    )
    yield (
        f"{len(lines)} more lines (`lines.txt` there: mixed Spanish and English, out of scope beside disputes, films and the "
        "past, sarcasm, short plain ones, whole calls in twins), each as the first account of a neighbors' quarrel with all "
        "four questions answered no: "
        f"{found['T']} of {told['T']} fit ones are found safe ({found['T'] / told['T']:.1%}), "
        f"{found['F']} of {told['F']} unfit ones ({found['F'] / told['F']:.1%})."
    )


def _told_behind(file: str, what: str, protocol: Protocol, cases: Sequence[Case]) -> Iterator[str]:
    """Yield what stays safe when a statement of `file` that it has not learned from is told behind a safe call."""
    lines = (UNSEEN / file).read_text(encoding="utf-8").splitlines()
    calm = [
        case
        for case in cases
        if case.expected is not None
        and case.expected.verdict is Verdict.SAFE
        and decide(case.evidence, protocol, case.rules).verdict is Verdict.SAFE
    ]
    told: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for number, line in enumerate(lines):
        for case in (calm[(number * _BESIDE + each) % len(calm)] for each in range(_BESIDE)):
            first, *others = case.evidence.statements
            longer = replace(first, narrative=f"{first.narrative} {line[2:].rstrip('.')}.")
            changed = replace(case.evidence, statements=(longer, *others))
            told[line[0]] += 1
            found[line[0]] += decide(changed, protocol, case.rules).verdict is Verdict.SAFE
    yield (
        f"{len(lines)} {what} (`{file}` there), each told behind {_BESIDE} of the fit calls that are found safe: "
        f"of {told['F']} of these calls with a danger or a doubt {found['F']} stay safe ({found['F'] / told['F']:.1%}), "
        f"of {told['T']} with something harmless {found['T']} ({found['T'] / told['T']:.1%})."
    )


def _told_later(protocol: Protocol) -> Iterator[str]:
    """Yield what stays safe when a later message that it has not learned from comes to a safe call."""
    lines = (UNSEEN / "updates.txt").read_text(encoding="utf-8").splitlines()
    told = Counter(line[0] for line in lines)
    found: Counter[str] = Counter()
    for line in lines:
        changed = evidence(said(QUARREL), said(line[2:]))
        found[line[0]] += decide(changed, protocol, PlanRules()).verdict is Verdict.SAFE
    yield (
        f"{len(lines)} later messages of a few words (`updates.txt` there), each to a neighbors' quarrel that is found safe: "
        f"of {told['F']} with a danger or a doubt {found['F']} leave it safe, of {told['T']} harmless ones {found['T']}."
    )


def _row(name: str, protocol: Protocol, cases: Sequence[Case]) -> str:
    of: Counter[Verdict] = Counter()
    safe: Counter[Verdict] = Counter()
    for case in cases:
        if case.expected is not None:
            of[case.expected.verdict] += 1
            decision = decide(case.evidence, protocol, case.rules)
            safe[case.expected.verdict] += decision.verdict is Verdict.SAFE and case.id not in _READ
    cells = [
        f"{safe[label]} of {of[label]} = {safe[label] / of[label]:.1%}"
        + ("" if label is Verdict.SAFE else f" (at most {upper_bound(safe[label], of[label]):.1%})")
        for label in (Verdict.SAFE, Verdict.UNSAFE, Verdict.REVIEW)
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _calibration(protocol: Protocol, cases: Sequence[Case]) -> Iterator[str]:
    asked = protocol.second_opinion
    assert asked is not None
    edges = [asked.opinion.score_of(edge) for edge in _BINS]
    scored = []
    for case in cases:
        story = read(case.evidence.statements[0].narrative, protocol).story
        if story and case.expected is not None and case.expected.verdict is not Verdict.REVIEW:
            scored.append((asked.opinion.listen(story).score, case.expected.verdict is Verdict.UNSAFE))
    for low, high in zip((None, *edges), (*edges, None), strict=True):
        inside = [unfit for score, unfit in scored if (low is None or score > low) and (high is None or score <= high)]
        span = f"{'' if low is None else _BINS[edges.index(low)]} to {'' if high is None else _BINS[edges.index(high)]}"
        if inside:
            yield f"| {span.strip()} | {len(inside)} | {sum(inside)} = {sum(inside) / len(inside):.0%} |"


def unseen() -> list[Case]:
    return [case for path in sorted(UNSEEN.glob("*.jsonl")) for case in read_cases(path)]


if __name__ == "__main__":
    newest = max((load_protocol(path) for path in PROTOCOLS.glob("*.yaml")), key=lambda p: p.effective_from)
    print(page(newest, unseen()), end="")
