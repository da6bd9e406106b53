"""Makes a second opinion for triage: `python -m tests.opinion.train NAME MEANINGS [--told FILE ...] [--seeds N]`.

Needs jax and optax (`pip install jax optax`), which nothing else here does. It learns from our own cases, from what is
told in `tests/opinion/told.txt` and from the development set; each text is read by the newest protocol, denials left
out. Prints what it learned from, and the digest that a protocol names it by.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from services.intake.domain.plan import PlanRules
from services.intake.domain.triage.decide import decide
from services.intake.domain.triage.learned import OPINIONS
from services.intake.domain.triage.meanings import Meanings, meanings
from services.intake.domain.triage.model import FACT_KEYS, Verdict
from services.intake.domain.triage.opinion import COARSE, buckets, loudest, spoken
from services.intake.domain.triage.reader import read
from services.intake.domain.triage.unite import WORSE_WHEN_NO
from tests.shared_data import shared_data
from tests.unit.intake.evidence import PROTOCOL, QUARREL, QUARREL_ES, evidence, said
from tests.unit.intake.test_triage_hazards import HAZARDS

HEARD: Final = Path(__file__).parent / "heard"
CASES: Final = Path(__file__).parents[1] / "unit" / "intake" / "cases"
TOLD: Final = Path(__file__).parent / "told.txt"
BUCKETS: Final = 1 << 14
_TRAITS: Final = 48
_MEANING: Final = 0.01
"""What 1 of a word's meaning is beside its traits, which begin about as large as the numbers of a meaning then are."""
_PATTERNS: Final = 64
_FURTHER: Final = {"further_1_": 16, "further_2_": 16, "further_3_": 16}
"""How many further patterns look among what the ones before found."""
_LEVELS: Final = {"": _PATTERNS, **_FURTHER}
"""The patterns, then the further ones, by how their parts are named."""
_OF_FURTHER: Final = ("patterns", "least", "weights", "most")
_WIDTH: Final = 5
_LONGEST: Final = 112
_EPOCHS: Final = 12
_FASTEST: Final = 2e-3
_SLOWEST: Final = 0.02
"""It learns slower and slower, until so much of the fastest is left."""
_BATCH: Final = 64
_FORGOTTEN: Final = 0.3
_SPELLING_FORGOTTEN: Final = 0.1
"""Of so many words that mean something only the meaning is left: words that it never met will be known by that alone."""
_UNUSED: Final = 0.3
_LENGTHS: Final = (16, 32, 48, 72, _LONGEST)
"""Stories that are learned from together are filled up to one of these: most are far shorter than the longest."""
_SORTED: Final = 32
"""So many batches are sorted by length at a time."""
_SHORT: Final = 14
"""What has no more words is told in a sentence or two, and as often beside a call as alone."""
_TOLD_ON: Final = 0.3
_SHORT_TOLD_ON: Final = 0.6
"""So many stories, and short ones, go on with what another fit call tells: nothing calm that is told beside a danger
takes it back."""
_WITH_ALL: Final = 0.75
"""So many of the short ones go on with all that a fit call tells, the others with a sentence of it."""
_FEWEST_OF_A_CALL: Final = 8
_MOST_OF_A_CALL: Final = 60
_TIMES: Final = 2
_TIMES_DEVELOPMENT: Final = 3
"""Cases, hazards and the development set are few beside what is told: they are learned from more than once."""
_TOLD_BY_CODE_OR_GAPS: Final = frozenset(
    {"missing_info", "code_floor", "code_review", "location_unknown", "unintelligible"}
)
"""Reasons of unfit cases whose words may be harmless."""
_STOP: Final = "."
_SPANISH: Final = frozenset(
    {"el", "la", "los", "las", "que", "de", "con", "por", "una", "un", "del", "se", "le", "y", "en", "su", "lo", "al"}
)
"""Words that tell Spanish from English: every sixth is one of them."""


class _Beside(NamedTuple):
    """What may be told beside a story: it changes nothing."""

    sentences: Sequence[np.ndarray[Any, Any]]
    calls: Sequence[np.ndarray[Any, Any]]


class Lesson(NamedTuple):
    """What is told in one call, and whether civilians may go."""

    text: str
    is_fit: bool
    times: int = 1


def lessons(told: Sequence[Path] = (TOLD,)) -> Iterator[Lesson]:
    """Yield every case; those that are unfit for what their answers or codes say teach nothing."""
    for path, times in (
        *((path, _TIMES) for path in sorted(CASES.glob("*.jsonl"))),
        *((path, 1) for path in sorted(HEARD.glob("*.jsonl"))),
        (shared_data("triage-dev", "cases.jsonl"), _TIMES_DEVELOPMENT),
    ):
        for line in path.read_text(encoding="utf-8").splitlines():
            if (lesson := lesson_of(json.loads(line))) is not None:
                yield lesson._replace(times=times)
    for told_badly, _, harmless in HAZARDS:
        yield Lesson(told_badly, is_fit=False, times=_TIMES_DEVELOPMENT)
        yield Lesson(harmless, is_fit=True, times=_TIMES_DEVELOPMENT)
        yield Lesson(f"{QUARREL} {harmless}", is_fit=True, times=_TIMES)
    yield from (Lesson(text, is_fit=True) for text in (QUARREL, QUARREL_ES))
    for path in told:
        for line in path.read_text(encoding="utf-8").splitlines():
            label, _, text = line.partition("|")
            yield Lesson(text, {"T": True, "F": False}[label])


def lesson_of(record: dict[str, Any]) -> Lesson | None:
    """Return what a labelled case teaches, if anything: an unfit one nothing, where its words may be harmless."""
    narrative, expected = record["narrative"], record["expected"]
    is_fit = expected["safe_for_civilian"] is True
    if is_fit or _speaks_for_itself(record) or not _is_safe_by_its_words(narrative):
        return Lesson(narrative, is_fit)
    return None


def _speaks_for_itself(record: dict[str, Any]) -> bool:
    """Tell whether neither the answers nor the code of an unfit case can be what speaks against it."""
    answers = record["answers"]
    partners = answers.get("relationship") in ("intimate_partner", "ex_partner")
    answered = partners or any(answers.get(key) == ("no" if key in WORSE_WHEN_NO else "yes") for key in FACT_KEYS)
    return not answered and record["expected"]["reasons"][0] not in _TOLD_BY_CODE_OR_GAPS


def _is_safe_by_its_words(narrative: str) -> bool:
    """Tell whether the rules find a call with these words safe: what speaks against it lies in answers or codes.

    Whoever tells of a danger in ambiguous words tells of a danger here.
    """
    asked = PROTOCOL.second_opinion
    assert asked is not None
    never, always = asked.opinion.score_of(1e6), asked.opinion.score_of(-1e6)
    rules_alone = replace(
        PROTOCOL,
        second_opinion=asked._replace(above=never, above_ambiguous=always, above_plain=always, above_calmest=always),
    )
    return decide(evidence(said(narrative)), rules_alone, PlanRules()).verdict is Verdict.SAFE


def learned_from(given: Sequence[Lesson]) -> list[tuple[list[str], bool]]:
    """Return the stories to learn from, each told text as often as the first lesson of it says."""
    stories: dict[tuple[str, ...], Lesson] = {}
    for lesson in given:
        story, _ = spoken(read(lesson.text, PROTOCOL).story)
        if story:
            stories.setdefault(tuple(story), lesson)
    return [(list(story), lesson.is_fit) for story, lesson in stories.items() for _ in range(lesson.times)]


def _numbered(stories: Sequence[Sequence[str]], meant: Meanings) -> np.ndarray[Any, Any]:
    """Return the buckets of each word of each story and the row of its meaning, (stories, words, 5); 0 is for none."""
    known: dict[str, list[int]] = {}
    numbers = np.zeros((len(stories), _LONGEST, 5), np.int32)
    for row, story in enumerate(stories):
        for column, word in enumerate(story[:_LONGEST]):
            if word not in known:
                known[word] = [bucket + 1 for bucket in buckets(word, BUCKETS)] + [meant.row_of(word) + 1]
            numbers[row, column] = known[word]
    return numbers


def _stop() -> np.ndarray[Any, Any]:
    """Return the numbers of a stop, which means nothing, (1, 5)."""
    return np.array([[*(bucket + 1 for bucket in buckets(_STOP, BUCKETS)), 0]], np.int32)


def _sentences(stories: Sequence[Sequence[str]], numbers: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """Return the numbers of each sentence of `stories` with the stop that ends it, (words, 5)."""
    stop = _stop()
    found = []
    for story, row in zip(stories, numbers, strict=True):
        stops = [at for at, word in enumerate(story[:_LONGEST]) if word == _STOP]
        for first, last in pairwise([-1, *stops, min(len(story), _LONGEST)]):
            if last - first > 1:
                found.append(np.concatenate([row[first + 1 : last], stop]))
    return found


def _calls(numbers: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """Return what each of these calls tells, with the stop that ends it, (words, 5); not the longest and shortest."""
    stop = _stop()
    lengths = np.count_nonzero(numbers[:, :, 0], axis=1)
    usual = np.flatnonzero((lengths >= _FEWEST_OF_A_CALL) & (lengths <= _MOST_OF_A_CALL))
    return [np.concatenate([numbers[row, : lengths[row]], stop]) for row in usual]


def _told_on(numbers: np.ndarray[Any, Any], beside: _Beside, chance: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return the stories with more before or behind some of them, where there is room for it."""
    lengths = np.count_nonzero(numbers[:, :, 0], axis=1)
    is_short = lengths <= _SHORT
    for row in np.flatnonzero(chance.random(len(numbers)) < np.where(is_short, _SHORT_TOLD_ON, _TOLD_ON)):
        story = numbers[row, : lengths[row]]
        among = beside.calls if is_short[row] and chance.random() < _WITH_ALL else beside.sentences
        more = among[int(chance.integers(len(among)))]
        both = (more, story) if chance.random() < 1 / 2 else (story, more[-1:], more[:-1])
        told = np.concatenate(both)
        if len(told) <= _LONGEST:
            numbers[row, : len(told)] = told
    return numbers


def _batches(
    numbers: np.ndarray[Any, Any], beside: _Beside, chance: np.random.Generator
) -> Iterator[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Yield what is learned from at a time: the stories, some told on, all of about a length; and their rows."""
    shuffled = chance.permutation(len(numbers))
    for first in range(0, len(shuffled) - _BATCH + 1, _BATCH * _SORTED):
        rows = shuffled[first : first + _BATCH * _SORTED]
        told = _told_on(numbers[rows], beside, chance)
        lengths = np.count_nonzero(told[:, :, 0], axis=1)
        by_length = np.argsort(lengths, kind="stable")
        for part in chance.permutation(len(rows) // _BATCH):
            among = by_length[part * _BATCH : (part + 1) * _BATCH]
            room = next(room for room in _LENGTHS if room >= lengths[among].max())
            yield told[among, :room], rows[among]


def _weights(stories: Sequence[Sequence[str]], labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return how much each story counts: in either language the fit and the unfit weigh the same."""
    spanish = np.array([sum(word in _SPANISH for word in story) * 6 > len(story) for story in stories])
    weights = np.ones(len(labels), np.float32)
    for language in (spanish, ~spanish):
        for kind in (labels > 0, labels == 0):
            weights[language & kind] = language.sum() / 2 / max((language & kind).sum(), 1)
    return weights


def _unlearned(seed: int, of_meaning: int) -> dict[str, Any]:
    """Return the parts of a listener that has learned nothing; a word's meaning has so many numbers."""
    import jax
    import jax.numpy as jnp

    first, *keys = jax.random.split(jax.random.PRNGKey(seed), 1 + len(_LEVELS))
    parts = {"spellings": jax.random.normal(first, (BUCKETS + 1, _TRAITS)) * 0.7, "start": jnp.array(-1.0)}
    among = _TRAITS + of_meaning
    for (name, count), key in zip(_LEVELS.items(), keys, strict=True):
        parts[f"{name}patterns"] = jax.random.normal(key, (_WIDTH, among, count)) / np.sqrt(_WIDTH * among)
        parts[f"{name}least"] = jnp.zeros(count)
        parts[f"{name}weights"] = jax.random.normal(jax.random.fold_in(key, 1), (count,)) * 0.1
        among = count
    return parts


def _heard(parts: Any, words: Any, present: Any) -> Iterator[Any]:
    """Yield what the patterns find around each word, then the further ones."""
    import jax
    import jax.numpy as jnp

    found = words
    for name in _LEVELS:
        padded = jnp.pad(found, ((0, 0), (_WIDTH // 2, _WIDTH // 2), (0, 0)))
        places, room = enumerate(parts[f"{name}patterns"]), words.shape[1]
        found = sum(padded[:, place : place + room] @ pattern for place, pattern in places)
        found = jax.nn.relu(found + parts[f"{name}least"]) * present
        yield found


def train(
    stories: Sequence[Sequence[str]], is_unfit: Sequence[bool], meant: Meanings, seed: int
) -> dict[str, np.ndarray[Any, Any]]:
    """Return the parts of one listener, learned from `stories`."""
    import jax
    import jax.numpy as jnp
    import optax

    numbers, labels = _numbered(stories, meant), np.array(is_unfit, np.float32)
    weights = _weights(stories, labels)
    of_meaning = jnp.pad(jnp.array(meant.numbers * np.float32(_MEANING)), ((1, 0), (0, 0)))
    parts = _unlearned(seed, of_meaning.shape[1])

    def known(parts: Any, numbers: Any, chance: Any = 1.0) -> Any:
        """Return the traits of each word, those of its spelling and then of its meaning, and which are words."""
        present = (numbers[..., 0] > 0)[..., None]
        is_spelled = present & ((chance > _SPELLING_FORGOTTEN) | (numbers[..., 4:] == 0))
        spelled = parts["spellings"][numbers[..., :4]].mean(2) * is_spelled
        return jnp.concatenate([spelled, of_meaning[numbers[..., 4]]], 2), present

    def scores(parts: Any, numbers: Any, key: Any) -> Any:
        kept_words, kept_patterns, kept_spellings = jax.random.split(key, 3)
        words, present = known(parts, numbers, jax.random.uniform(kept_spellings, (*numbers.shape[:2], 1)))
        words *= jax.random.uniform(kept_words, (*words.shape[:2], 1)) > _FORGOTTEN
        best = jnp.concatenate([found.max(1) for found in _heard(parts, words, present)], 1)
        best = best * (jax.random.uniform(kept_patterns, best.shape) > _UNUSED) / (1 - _UNUSED)
        return best @ jnp.concatenate([parts[f"{name}weights"] for name in _LEVELS]) + parts["start"]

    @jax.jit  # type: ignore[untyped-decorator]  # jax is not installed where types are checked
    def most(parts: Any, numbers: Any) -> Any:
        return [found.max() for found in _heard(parts, *known(parts, numbers))]

    def loss(parts: Any, numbers: Any, labels: Any, weights: Any, key: Any) -> Any:
        missed = optax.sigmoid_binary_cross_entropy(scores(parts, numbers, key), labels)
        return (weights * missed).mean() + 1e-4 * (parts["patterns"] ** 2).sum()

    steps = len(labels) // _BATCH * _EPOCHS
    optimizer = optax.adam(optax.cosine_decay_schedule(_FASTEST, steps, _SLOWEST))

    @jax.jit  # type: ignore[untyped-decorator]  # jax is not installed where types are checked
    def step(parts: Any, state: Any, batch: Any, key: Any) -> Any:
        gradient = jax.grad(loss)(parts, *batch, key)
        updates, state = optimizer.update(gradient, state, parts)
        return optax.apply_updates(parts, updates), state

    fit = [story for story, unfit in zip(stories, is_unfit, strict=True) if not unfit]
    beside = _Beside(_sentences(fit, numbers[labels == 0]), _calls(numbers[labels == 0]))
    state, order, key = optimizer.init(parts), np.random.default_rng(seed), jax.random.PRNGKey(seed + 9)
    for epoch in range(_EPOCHS):
        for told, rows in _batches(numbers, beside, order):
            key, used = jax.random.split(key)
            parts, state = step(parts, state, (told, labels[rows], weights[rows]), used)
        print(f"listener {seed}: {epoch + 1} of {_EPOCHS}", file=sys.stderr)
    each = np.max([most(parts, numbers[first : first + 512]) for first in range(0, len(numbers), 512)], axis=0)
    learned = parts | {f"{name}most": before for name, before in zip(_FURTHER, each[:-1], strict=True)}
    return {name: np.array(part) for name, part in learned.items()}


def in_whole_numbers(listeners: Sequence[dict[str, np.ndarray[Any, Any]]]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the listeners as one, in whole numbers: each keeps its own traits and patterns, and they are added up.

    What a word means is the same to all of them.
    `further_1_most` and so on of a listener: the most that the further patterns ever had to look among.
    """
    number, traits = len(listeners), listeners[0]["spellings"].shape[1]
    width, all_traits, count = listeners[0]["patterns"].shape
    spelled = number * traits
    patterns = np.zeros((width, spelled + all_traits - traits, number * count))
    scale = max(np.abs(listener["spellings"]).max() for listener in listeners) / 127
    for at, listener in enumerate(listeners):
        own = slice(at * count, (at + 1) * count)
        patterns[:, at * traits : (at + 1) * traits, own] = listener["patterns"][:, :traits]
        patterns[:, spelled:, own] = listener["patterns"][:, traits:]
    fine = np.abs(patterns).max() / 127
    unit = scale * fine / 4  # the four traits of a word are added up, not averaged
    patterns[:, :spelled] /= fine
    patterns[:, spelled:] *= _MEANING / unit

    def all_of(part: str) -> np.ndarray[Any, Any]:
        return np.concatenate([listener[part] for listener in listeners])

    weight_unit = np.abs(all_of("weights")).max() / number / 32767
    start = sum(float(listener["start"]) for listener in listeners) / number
    whole = {
        "spellings": np.concatenate([np.round(part["spellings"][1:] / scale) for part in listeners], 1).astype(np.int8),
        "patterns": np.round(patterns).astype(np.int16),
        "least": np.round(all_of("least") / unit).astype(np.int32),
        "weights": np.round(all_of("weights") / number / weight_unit).astype(np.int16),
        "start": np.int64(round(start / unit / weight_unit)),
        "unit": np.float64(unit * weight_unit),
    }
    met = unit * COARSE
    for name in _FURTHER:
        learned = {part: np.stack([listener[name + part] for listener in listeners]) for part in _OF_FURTHER}
        fine = np.abs(learned["patterns"]).max() / 127
        shift = max(0, int(np.ceil(np.log2(learned["most"].max() / met / loudest(learned["patterns"])))))
        met *= 2**shift * fine
        weights_each = learned["weights"].reshape(-1) / number * met / unit / weight_unit
        whole |= {
            f"{name}patterns": np.round(learned["patterns"] / fine).astype(np.int8),
            f"{name}least": np.round(learned["least"].reshape(-1) / met).astype(np.int32),
            f"{name}weights": np.round(weights_each).astype(np.int64),
            f"{name}shift": np.int64(shift),
        }
    return whole


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", help="what a protocol calls it, such as opinion-2026-11")
    parser.add_argument("meanings", help="what words mean to it, such as meanings-2026-11")
    parser.add_argument("--told", type=Path, nargs="*", default=[TOLD], help="files of lines, T|fit or F|unfit")
    parser.add_argument("--seeds", type=int, default=4, help="how many listeners are added up (4)")
    given = parser.parse_args(argv)
    stories = learned_from(list(lessons(given.told)))
    unfit = [not is_fit for _, is_fit in stories]
    print(f"{len(stories)} stories, {sum(unfit)} of them unfit")
    digest = hashlib.sha256((OPINIONS / f"{given.meanings}.npz").read_bytes()).hexdigest()
    meant = meanings(given.meanings, digest)
    texts = [story for story, _ in stories]
    parts = in_whole_numbers([train(texts, unfit, meant, seed) for seed in range(given.seeds)])
    stored = BytesIO()
    np.savez_compressed(stored, allow_pickle=False, meanings=np.array([given.meanings, digest]), **parts)
    path = OPINIONS / f"{given.name}.npz"
    path.write_bytes(stored.getvalue())
    print(f"{path.name}: {len(stored.getvalue())} bytes, sha256 {hashlib.sha256(stored.getvalue()).hexdigest()}")


if __name__ == "__main__":
    main()
