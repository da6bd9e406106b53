"""What a learned second opinion would add to triage. It is not built in: docs/decisions/0002-no-second-opinion.md.

    python -m tests.bench.second_opinion --train cases.jsonl ... --unseen more.jsonl ... [--terse calls.csv.gz]
        [--missed missed.jsonl ...]

A logistic regression on words, pairs of words and runs of letters of what triage itself reads, folded; and a second
one, on words and pairs, whose weights only add caution, as triage's order of risk asks of whatever reads a call. Either
would turn `safe` into `review` above a threshold that costs a given share of the safe calls that it was trained on, each
scored by a model that has not seen it or anything like it. Needs scikit-learn, which nothing else here does.
"""

import argparse
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from services.evaluate.bounds import upper_bound
from services.evaluate.case_file import read_cases
from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import decide
from services.intake.domain.triage.model import CORE_FOUR, Effect, Evidence, Fact, Verdict
from services.intake.domain.triage.protocol import SYSTEM_RULES, Protocol
from services.intake.domain.triage.protocol_parse import parse_protocol
from services.intake.domain.triage.text import tokenize
from tests.unit.intake.evidence import PROTOCOL, RECITAL
from tests.unit.intake.test_triage_mutation import deprived

_COSTS: Final = (0.01, 0.02, 0.05)
_DRAWS: Final = 10
_DROPPED: Final = 1 / 3
_FOLDS: Final = 5
_ALIKE: Final = 0.25
"""Texts that share more than this part of their runs of three words are kept in one fold."""
_BINS: Final = 5

_STRENGTH: Final = 0.3

Score = Callable[[Sequence[str]], Sequence[float]]
Fit = Callable[[Sequence["Call"]], tuple[Score, int]]


class Call(NamedTuple):
    id: str
    evidence: Evidence
    is_fit: bool
    """Labelled safe for civilians; of calls without a label, taken as such."""

    def text(self, more: str = "") -> str:
        """Return what the model reads: the words as triage folds them, any number the same."""
        said = self.evidence.statements[0]
        parts = (said.call_type_text, f"{said.narrative} {more}")
        return " . ".join(" ".join("0" if t.word.isdigit() else t.word for t in tokenize(part)) for part in parts)


def main() -> None:
    """Measure and print."""
    asked = _arguments()
    if find_spec("sklearn") is None:
        raise SystemExit("this measurement needs scikit-learn: pip install scikit-learn")
    train, unseen, missed = _labelled(asked.train), _labelled(asked.unseen), _labelled(asked.missed)
    terse = list(_found_safe(_all_denied(asked.terse))) if asked.terse else []
    random.Random(1).shuffle(terse)
    ordinary, terse = terse[: len(terse) // 2], terse[len(terse) // 2 :]
    print(f"trained on {len(train)} calls; unseen {len(unseen)}, of these {sum(not c.is_fit for c in unseen)} not fit")
    dangers = {f"found safe by {name}": calls for name, calls in _false_safes(unseen).items()}
    dangers |= {"found safe by an earlier version": missed}
    for name, fit in (("any weights", _free), ("weights that only add caution", _only_adding)):
        print(f"\n{name}")
        _measure(fit, train, unseen, {"costs, of terse real calls": terse}, dangers)
        if ordinary:
            print(f"\n{name}, and {len(ordinary)} terse real calls to learn from as fit ones")
            _measure(fit, [*train, *ordinary], unseen, {"costs, of the other terse real calls": terse}, dangers)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, nargs="+", required=True, help="labelled cases to learn from")
    parser.add_argument("--unseen", type=Path, nargs="+", required=True, help="labelled cases by other hands")
    parser.add_argument("--terse", type=Path, help="real calls without labels or answers; every answer is taken as no")
    parser.add_argument("--missed", type=Path, nargs="*", default=[], help="cases that earlier rules let pass")
    return parser.parse_args()


def _labelled(paths: Iterable[Path]) -> list[Call]:
    return [
        Call(case.id, case.evidence, case.expected.verdict is Verdict.SAFE)
        for path in paths
        for case in read_cases(path)
        if case.expected is not None and not case.ambiguous
    ]


def _all_denied(path: Path) -> Iterator[Call]:
    for case in read_cases(path):
        (said,) = case.evidence.statements
        if said.narrative.strip():
            asked = replace(said, answers=dict.fromkeys(CORE_FOUR, Fact.NO))
            yield Call(case.id, replace(case.evidence, statements=(asked,)), is_fit=True)


def _found_safe(calls: Iterable[Call], protocol: Protocol = PROTOCOL) -> Iterator[Call]:
    return (call for call in calls if decide(call.evidence, protocol, PlanRules()).verdict is Verdict.SAFE)


def _false_safes(unseen: Iterable[Call]) -> Mapping[str, list[Call]]:
    """Return the calls not fit for civilians that are found safe, each once, by the whole rules and by weaker ones."""
    unfit = [call for call in unseen if not call.is_fit]
    hazards = [rule.id for rule in PROTOCOL.rules.values() if rule.effect is Effect.UNSAFE]
    less_one = (deprived(rule) for rule in hazards if rule not in SYSTEM_RULES)
    thinned = (_thinned(random.Random(f"{_DROPPED} {draw}")) for draw in range(_DRAWS))
    return {
        "the rules as they are": list(_found_safe(unfit)),
        "rules less any one hazard": _each_once(call for less in less_one for call in _found_safe(unfit, less)),
        "rules less a third of phrases": _each_once(call for less in thinned for call in _found_safe(unfit, less)),
    }


def _each_once(calls: Iterable[Call]) -> list[Call]:
    return list({call.id: call for call in calls}.values())


def _thinned(chance: random.Random) -> Protocol:
    """Return the shipped protocol with a third of its rules' phrases left out by chance."""

    def kept(texts: Iterable[str]) -> list[str]:
        phrases = (phrase for text in texts for phrase in text.split(" / "))
        return [phrase for phrase in phrases if chance.random() >= _DROPPED]

    rules = [
        {key: kept(value) if key in ("en", "es") else value for key, value in rule.items()}
        for rule in PROTOCOL.document["rules"]
    ]
    return parse_protocol({**PROTOCOL.document, "rules": rules})


def _measure(
    fit: Fit,
    train: Sequence[Call],
    unseen: Sequence[Call],
    paid: dict[str, list[Call]],
    dangers: dict[str, list[Call]],
) -> None:
    own = _out_of_fold(train, fit)
    score, weights = fit(train)
    captured = list(_found_safe(call for call in unseen if call.is_fit))
    safe = {call.id for call in _found_safe(call for call in train if call.is_fit)}
    given = sorted((own[i] for i, call in enumerate(train) if call.id in safe), reverse=True)
    print(f"{weights} weights")
    for cost in _COSTS:
        threshold = given[int(cost * len(given))]
        print(f"at a cost of {cost:.0%} of the {len(given)} safe calls learnt from (above {threshold:.2f}):")
        for name, calls in ({"costs, of unseen safe calls": captured} | paid).items():
            turned = _above(score, calls, threshold)
            print(f"  {name:46} {_share(turned, len(calls))} at most {upper_bound(turned, len(calls)):.1%}")
        for name, calls in dangers.items():
            turned, told = (_above(score, calls, threshold, more) for more in ("", RECITAL))
            least = 1 - upper_bound(len(calls) - turned, len(calls))
            print(f"  {name:46} {_share(turned, len(calls))} at least {least:.1%}; {told} with a recital after it")
    _calibration(score, unseen)


def _above(score: Score, calls: Sequence[Call], threshold: float, more: str = "") -> int:
    return sum(found > threshold for found in score([call.text(more) for call in calls])) if calls else 0


def _share(count: int, of: int) -> str:
    return f"{count:4} of {of:4} = {count / of:6.1%}" if of else "none to count      "


def _calibration(score: Score, unseen: Sequence[Call]) -> None:
    found = list(zip(score([call.text() for call in unseen]), (not call.is_fit for call in unseen), strict=True))
    brier = sum((chance - unfit) ** 2 for chance, unfit in found) / len(found)
    fit, unfit = ([chance for chance, danger in found if danger is kind] for kind in (False, True))
    ranked = sum((low < high) + (low == high) / 2 for low in fit for high in unfit) / (len(fit) * len(unfit))
    print(f"unseen: Brier score {brier:.3f}, a danger ranks above a fit call in {ranked:.3f} of pairs")
    for number in range(_BINS):
        held = [(chance, danger) for chance, danger in found if min(int(chance * _BINS), _BINS - 1) == number]
        if held:
            said, true = (sum(column) / len(held) for column in zip(*held, strict=True))
            print(f"  {len(held):4} calls said to be unfit with {said:.2f}: {true:.2f} are")


def _free(calls: Sequence[Call]) -> tuple[Score, int]:
    """Return the scores of a model trained on `calls` (higher: less fit) and how many weights it has, of either sign."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True)
    chances = LogisticRegression(C=10, class_weight="balanced", max_iter=3000)
    model: Any = make_pipeline(make_union(words, letters), chances)  # scikit-learn has no types
    model.fit([call.text() for call in calls], [not call.is_fit for call in calls])
    return lambda texts: [float(p) for p in model.predict_proba(list(texts))[:, 1]], int(chances.coef_.size)


def _only_adding(calls: Sequence[Call]) -> tuple[Score, int]:
    """Return the same of a model that no further word can make less cautious: it has no weight below zero."""
    from sklearn.feature_extraction.text import CountVectorizer

    words: Any = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, binary=True)
    found = words.fit_transform([call.text() for call in calls]).astype(float)
    unfit = np.array([not call.is_fit for call in calls])
    sign, balance = np.where(unfit, 1.0, -1.0), np.where(unfit, 0.5 / unfit.mean(), 0.5 / (1 - unfit.mean()))

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (found @ weights[1:] + weights[0])
        slope = -_STRENGTH * sign * balance * expit(-margin)
        value = _STRENGTH * (balance * np.logaddexp(0, -margin)).sum() + (weights[1:] ** 2).sum() / 2
        return float(value), np.concatenate(([slope.sum()], found.T @ slope + weights[1:]))

    bounds = [(None, None)] + [(0, None)] * found.shape[1]
    weights = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x

    def score(texts: Sequence[str]) -> list[float]:
        return [float(p) for p in expit(words.transform(list(texts)) @ weights[1:] + weights[0])]

    return score, int((weights[1:] > 0).sum())


def _out_of_fold(calls: Sequence[Call], fit: Fit) -> list[float]:
    """Return a score for each call from a model that knows neither it nor any call like it."""
    folds = folds_of([call.text() for call in calls])
    scores = [0.0] * len(calls)
    for fold in range(_FOLDS):
        score, _ = fit([call for call, its in zip(calls, folds, strict=True) if its != fold])
        left = [at for at, its in enumerate(folds) if its == fold]
        for at, found in zip(left, score([calls[at].text() for at in left]), strict=True):
            scores[at] = found
    return scores


def folds_of(texts: Sequence[str]) -> list[int]:
    """Return a fold for each text; texts alike are in the same one."""
    runs = [{tuple(words[i : i + 3]) for i in range(len(words) - 2)} for words in map(str.split, texts)]
    group = list(range(len(texts)))
    for at, mine in enumerate(runs):
        for before in range(at):
            least = min(len(mine), len(runs[before]))
            if least and group[before] != group[at] and len(mine & runs[before]) > _ALIKE * least:
                joined, other = sorted((group[before], group[at]))
                group = [joined if its == other else its for its in group]
    folds: dict[int, int] = {}
    sizes = [0] * _FOLDS
    for its in group:
        fold = folds.setdefault(its, sizes.index(min(sizes)))
        sizes[fold] += 1
    return [folds[its] for its in group]


if __name__ == "__main__":
    main()
