"""What strangers to the matter did or suffered long ago is no danger of this call; what a party did is (policy, step 2b)."""

import pytest

from services.intake.domain.triage.model import Effect, Statement, Verdict
from tests.unit.intake.evidence import QUARREL, RECITAL, decided, rules, said


@pytest.mark.parametrize(
    "told",
    [
        "RP says the prior owner was held up with a shotgun in 2017, retired since.",
        "A stabbing happened in the building in 2018, those folks moved to Nevada.",
        "Prev owner of the house ran a chop shop & got raided in 2016, hes long gone.",
        "Old mgr used to threaten folks, fired 2022, long gone.",
        "Man who had that unit in 2008 shot someone, he's long moved.",
        "Cuenta que en esa cuadra asaltaron a un muchacho el año pasado, gente de fuera.",
        "El dueño anterior salió preso por una balacera en 2015.",
    ],
)
def test_the_past_of_strangers_is_no_danger(told: str) -> None:
    assert rules(decided(said(f"{QUARREL} {told} {RECITAL}")), Effect.UNSAFE) == set()


@pytest.mark.parametrize(
    "told",
    [
        "S1 was arrested with a gun in 2017.",
        "He stabbed the old tenant in 2018.",
        "Neighbor beat up the former tenant in 2019, he moved.",
        "The former tenant is back with a gun.",
        "Prior tenant was arrested with a gun in 2021 and S1 has that gun now.",
        "S1 says the prior owner was shot in 2017 and he'll do the same to RP.",
    ],
)
def test_that_of_a_party_or_of_today_is(told: str) -> None:
    assert decided(said(f"{QUARREL} {told} {RECITAL}")).verdict is Verdict.UNSAFE


def test_a_caller_in_apartment_five_is_no_child_of_five() -> None:
    assert decided(said(), Statement("update:1", "RP is in apt 5 not 4.")).verdict is Verdict.SAFE
    assert decided(said(), Statement("update:1", "RP is only 5.")).verdict is Verdict.UNSAFE


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ("Los niños de arriba dicen que su mamá les dijo que no le abran a nadie.", "child_risk"),
        ("Le escribe muy educado que con 400 más no se las enseña a su familia.", "extortion"),
        ("The cover of the breaker box is warm and there is a melted plastic smell since noon.", "fire_hazard"),
        ("He makes lowers on the printer, has one put together in his closet.", "weapon_possible"),
        ("He reversed fast at the car behind, stopped inches short, laughing.", "vehicle_weapon"),
    ],
)
def test_a_danger_told_in_passing_in_a_calm_story(told: str, rule: str) -> None:
    decision = decided(said(f"{QUARREL} {told} {RECITAL}"))
    assert rule in rules(decision, Effect.UNSAFE)
