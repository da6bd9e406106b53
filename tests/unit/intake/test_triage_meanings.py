"""What words mean to a second opinion: a word that it never met sounds as one does that is used alike."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.intake.domain.triage import learned as module
from services.intake.domain.triage.learned import OPINIONS, OpinionInvalid
from services.intake.domain.triage.meanings import UNKNOWN, Meanings, meanings
from services.intake.domain.triage.opinion import Opinion, opinion, parts_of, spoken
from services.intake.domain.triage.protocol import SECOND_OPINION
from services.intake.domain.triage.text import fold, tokenize
from tests.opinion.meanings import GLOSSARY
from tests.opinion.train import _MEANING, in_whole_numbers
from tests.unit.intake.evidence import PROTOCOL
from tests.unit.intake.test_triage_opinion import listener, plainly

MEANT = Meanings(("estilete", "knife", "wife"), np.array([[90, -20, 3], [90, -20, 3], [-5, 127, -127]], np.int8))


def test_a_word_means_what_is_stated_and_an_unknown_one_nothing() -> None:
    assert MEANT.of("knife").tolist() == [90, -20, 3]
    assert MEANT.of("wifes").tolist() == MEANT.of("wife").tolist()
    assert MEANT.row_of("spoon") == UNKNOWN
    assert MEANT.of("spoon").tolist() == [0, 0, 0]


def knowing(seed: int) -> dict[str, Any]:
    """Return a listener to whom three numbers more of each word mean something."""
    made = listener(seed)
    more = np.random.default_rng(-seed % 100).normal(size=(5, 3, 64))
    return {**made, "patterns": np.concatenate([made["patterns"], more], axis=1)}


def made_of(*listeners: dict[str, Any]) -> Opinion:
    return Opinion(parts_of(in_whole_numbers(listeners))._replace(meanings=MEANT))


@pytest.mark.parametrize("text", ["A knife.", "estilete", "He stares at the spoon, then at her wife, and hums."])
def test_whole_numbers_come_to_what_listeners_learned_of_spelling_and_meaning(text: str) -> None:
    both = [knowing(1), knowing(2)]
    made = made_of(*both)
    story = tokenize(text)
    words = spoken(story)[0]
    meant = np.array([MEANT.of(word) for word in words]) * _MEANING
    wanted = np.mean([plainly(part, words, meant) for part in both])
    unit = float(in_whole_numbers(both)["unit"])
    assert made.listen(story).score * unit == pytest.approx(wanted, abs=0.1 * np.abs(both[0]["weights"]).sum())
    deaf = Opinion(parts_of(in_whole_numbers(both))._replace(meanings=Meanings((), np.zeros((0, 3), np.int8))))
    assert deaf.listen(story).score != made.listen(story).score


def test_words_that_are_spelled_otherwise_and_used_alike_sound_alike() -> None:
    silent = knowing(3)
    silent["spellings"] = silent["spellings"] * 0.001
    made = made_of(silent)
    assert made.listen(tokenize("A knife")).score == pytest.approx(
        made.listen(tokenize("A estilete")).score, rel=0.01
    )  # fmt: skip
    assert made.listen(tokenize("A knife")).score != pytest.approx(made.listen(tokenize("A wife")).score, rel=0.01)


def test_an_opinion_names_the_very_meanings_that_it_was_made_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "OPINIONS", tmp_path)
    words, numbers = np.frombuffer(b"knife\nwife", np.uint8), np.array([[1, 2, 3], [4, 5, 6]], np.int8)
    np.savez(tmp_path / "words-1.npz", words=words, numbers=numbers)
    digest = hashlib.sha256((tmp_path / "words-1.npz").read_bytes()).hexdigest()
    assert meanings("words-1", digest).of("wife").tolist() == [4, 5, 6]
    (tmp_path.parent / "words-2.npz").write_bytes((tmp_path / "words-1.npz").read_bytes())
    with pytest.raises(OpinionInvalid, match=r"no list of meanings '\.\./words-2'"):  # it is there, and has the digest
        meanings("../words-2", digest)
    with pytest.raises(OpinionInvalid, match="has the digest"):
        meanings("words-1", "0" * 64)

    def put(name: str, meant: tuple[str, str]) -> str:
        parts: dict[str, Any] = {"meanings": np.array(meant), **in_whole_numbers([knowing(4)])}
        np.savez(tmp_path / f"{name}.npz", **parts)
        return hashlib.sha256((tmp_path / f"{name}.npz").read_bytes()).hexdigest()

    assert opinion("heard", put("heard", ("words-1", digest))).listen(tokenize("A wife")).score
    with pytest.raises(OpinionInvalid, match="the list of meanings 'words-1' has the digest"):
        opinion("unheard", put("unheard", ("words-1", "0" * 64)))


def test_the_opinion_in_force_knows_words_of_both_languages_by_what_they_mean() -> None:
    stated = PROTOCOL.document[SECOND_OPINION]
    with np.load(OPINIONS / f"{stated['model']}.npz", allow_pickle=False) as parts:
        meant = meanings(*map(str, parts["meanings"]))

    def alike(one: str, other: str) -> float:
        a, b = (meant.of(word).astype(float) for word in (one, other))
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    for one, other, stranger in (
        ("knife", "cuchillo", "invoice"), ("pistola", "gun", "garden"), ("vecino", "neighbor", "blood"),
        ("nbr", "neighbor", "knife"), ("navaja", "razor", "garden"),
    ):  # fmt: skip
        assert alike(one, other) > 0.5 > alike(one, stranger)


def test_the_glossary_is_in_order_and_each_word_stands_once() -> None:
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()
    words = [line.partition("|")[0] for line in lines]
    assert words == sorted(set(words))
    for line in lines:
        word, _, plainly_said = line.partition("|")
        assert fold(word) == word, json.dumps(line)
        assert plainly_said.split(), json.dumps(line)
