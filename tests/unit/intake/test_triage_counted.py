"""Constructions that ordinary sentences fell into, and more ways to deny: what is narrower now, and what it still finds."""

import pytest

from services.intake.domain.triage.model import Effect, Verdict
from tests.unit.intake.evidence import QUARREL, RECITAL, decided, said


@pytest.mark.parametrize(
    "told",
    [
        "The vendor wants her stand 20 ft away from his and they argue about the line on the ground.",
        "The guest asked to feel the fabric before paying and the two argue about a wrinkle.",
        "Bakery owner knows who drew on her window with chalk last month and they argue about the cleaning.",
        "The siblings argue: somebody cut the line at the bakery, wants her cake at the old price.",
        "La compañera de trabajo la semana pasada rayó la puerta y alegan por quién paga la pintura.",
        "El cliente alega que la llanta usada no dura ni un mes y el dueño dice que no hay devoluciones.",
        "El maestro le ensanchó de más la chamarra y el cliente alega por el precio con él en el mostrador.",
        "Clienta y dueña alegan por un color. Todo de palabra nada más.",
    ],
)
def test_an_ordinary_sentence_is_no_danger(told: str) -> None:
    assert decided(said(told)).verdict is Verdict.SAFE


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ("He wont give her the keys and blocks the door.", "restraint"),
        ("He wants 500 or he sends the tape, that is extortion.", "extortion"),
        ("He has to stay 20 ft away from her.", "restraining_order"),
        ("She is to keep 100 yards from him.", "restraining_order"),
        ("He asked for a quick feel in the stock room.", "sexual_offense"),
        ("He fondled her at the bus stop.", "sexual_offense"),
        ("He makes drawings of her window at night.", "stalking"),
        ("He cut the phone line so she is alone.", "elder_abuse"),
        ("She hid the walker, her aunt is upstairs.", "elder_abuse"),
        ("Trabajan sin paga por la pasada.", "trafficking"),
        ("No llegas a mañana, le dijo.", "threat_implied"),
        ("No dura ni un mes.", "threat_implied"),
        ("Van a arreglar a golpes lo del cajón.", "violence_imminent"),
        ("Lo asaltaron.", "crime_in_progress"),
        ("She says there are mics in her teeth.", "delusion"),
        ("He debates people who arent there.", "delusion"),
    ],
)
def test_what_a_narrower_construction_is_for_is_still_found(told: str, rule: str) -> None:
    for text in (told, f"{QUARREL} {RECITAL} {told}"):
        decision = decided(said(text))
        assert decision.verdict is Verdict.UNSAFE
        assert rule in {reason.rule for reason in decision.reasons if reason.effect is Effect.UNSAFE}


def test_a_crime_against_a_person_is_found_where_its_sentence_goes_on_from_a_calm_one() -> None:
    assert (
        decided(said("415 w neighbor over hedge. All verbal, no wpns no threats nobody hurt Lo asaltaron")).verdict
        is Verdict.UNSAFE
    )


@pytest.mark.parametrize(
    "told",
    [
        "The tenant made threats to the manager about the mailbox and the lease.",
        "The owner asked for money to keep the photos off the internet, it is extortion.",
    ],
)
def test_no_calm_story_sets_aside_a_threat_or_an_extortion(told: str) -> None:
    calm = "Two neighbors argue politely over a parking spot, both by the mailboxes, they both want someone to help them talk it out."
    for text in (f"{calm} {told}", f"{told} {calm}"):
        assert decided(said(text)).verdict is Verdict.UNSAFE


def test_nothing_more_is_denied_by_what_is_only_a_little_less() -> None:
    assert decided(said(f"{QUARREL} Sin golpes, nada más que un empujón.")).verdict is not Verdict.SAFE


@pytest.mark.parametrize(
    "told",
    [
        "Nothing abt weapons.",
        "No reported injuries, no reported weapons.",
        "Everyone is free of threats and weapons.",
        "No party has weapons.",
        "Nothing to suggest weapons.",
        "It never came to hitting.",
        "No one armed, no one hurt, strictly talk.",
        "No se habla de armas ni amenazas.",
    ],
)
def test_a_danger_is_denied_in_these_words_too(told: str) -> None:
    assert (
        decided(said(f"Two neighbors argue over a parking spot, both by the mailboxes. {told}")).verdict is Verdict.SAFE
    )


@pytest.mark.parametrize(
    "told",
    [
        "He never got to hit her because she ran inside.",
        "There is nothing about him that is calm, he has a knife.",
        "He broke free of her and got a bat.",
        "No customer has left and he has a knife.",
        "Nothing to suggest he will stop hitting her.",
        "No reported injuries yet but he hit her twice.",
        "It never came to blows before today.",
        "No one reported it but he stabbed him.",
        "No se habló de armas, trae una pistola.",
    ],
)
def test_what_only_looks_like_such_a_denial_denies_no_danger(told: str) -> None:
    assert (
        decided(said(f"Two neighbors argue over a parking spot, both by the mailboxes. {told}")).verdict
        is not Verdict.SAFE
    )
