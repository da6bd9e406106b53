"""Denials in any wording: a head and the words of the core four right after it, and what such a denial never covers."""

import pytest

from services.intake.domain.triage.model import CORE_FOUR, Verdict
from services.intake.domain.triage.reader import read
from tests.unit.intake.evidence import PROTOCOL, QUARREL, decided, rules, said

W, V, I, T = CORE_FOUR  # noqa: E741  # weapons, violence, injuries, threats


def denied(text: str) -> set[str]:
    return set(read(text, PROTOCOL).denied)


def found(text: str) -> set[str]:
    return {finding.rule for finding in read(text, PROTOCOL).findings}


DENIED = [
    ("Neither one armed.", {W}),
    ("Neither of them is armed.", {W}),
    ("Not one of them is armed.", {W}),
    ("Unarmed the both of them.", {W}),
    ("Nobody packing.", {W}),
    ("They never squared up.", {V, I}),
    ("Nobody's been hit.", {V, I}),
    ("Didn't lay a finger on each other.", {V, I}),
    ("Neither of them has thrown a punch.", {V, I}),
    ("Nil physical.", {V, I}),
    ("We've never ever gotten physical.", {V, I}),
    ("He never came near her.", {V, I}),
    ("Hands to ourselves.", {V, I}),
    ("They kept their distance.", {V, I}),
    ("Nobody sick or hurt.", {I}),
    ("Hasn't threatened.", {T}),
    ("He hasn't said anything threatening.", {T}),
    ("Nothing threatening in them.", {T}),
    ("Never touched or threatened anyone.", {V, I, T}),
    ("Nobody's thrown anything, pushed anyone, threatened anyone.", {V, I, T}),
    ("Hits none, weapons neg.", {W, V, I}),
    ("Anybody put hands on anybody no.", {V, I}),
    ("Any weapons? No. Anyone hurt? No.", {W, I}),
    ("Weapons, none; threats, none.", {W, T}),
    ("RP (uncle) says no weapons.", {W}),
    ("S1 left, RP says no weapons.", {W}),
    ("Man yells in the lobby, witness says no weapons.", {W}),
    ("RP, the seller, says no weapons.", {W}),
    ("El jardinero dice que no hay armas.", {W}),
    ("Armas, ninguna; amenazas, ninguna; heridas, ninguna.", {W, I, T}),
    ("Negativo a armas, negativo a amenazas.", {W, T}),
    ("¿Golpes? No. ¿Amenazas? Tampoco.", {V, I, T}),
    ("No push/shove.", {V, I}),
    ("No weapon/threat/violence/inj", {W, V, I, T}),
    ("No threats, just the lawsuit talk.", {T}),
    ("Amenazas ninguna salvo la de irse con abogado.", {T}),
    ("Nobody hurt, just the bumper.", {I}),
    ("No threats in any msg or call or in person.", {T}),
    ("Nadie sacó nada.", {W}),
    ("Ninguno de los dos trae armas.", {W}),
    ("Nunca se aventaron.", {V, I}),
    ("Ni uno ni otro se pegó.", {V, I}),
    ("Golpes cero.", {V, I}),
    ("Nobody armed, touched or threatened.", {W, V, I, T}),
    ("No one armed/hurt/touched/threatened.", {W, V, I, T}),
    ("Nobody said they'd hurt anyone.", {T}),
    ("Nobody got in anybody's face.", {V, I}),
    ("They have never raised a hand to each other.", {V, I}),
    ("No threats except a small claims suit.", {T}),
    ("Nothing but loud words.", {V, I}),
    ("No se tocan ni se amenazan.", {V, I, T}),
    ("Ni pleito a manos.", {V, I}),
    ("Ninguno de los dos se ha amenazado.", {T}),
    ("Asked about weapons, threats, injuries, violence: no to all.", {W, V, I, T}),
    ("Weapons, violence, injuries and threats all denied.", {W, V, I, T}),
    ("Any weapons, threats, injuries? No to all.", {W, I, T}),
    ("Preguntada por armas, golpes, heridos o amenazas contesta que no a todo.", {W, V, I, T}),
    ("No weapons/threats per RP.", {W, T}),
    ("No one is armed and no one is being threatened.", {W, T}),
    ("They have not hit, pushed or grabbed each other.", {V, I}),
    ("There is no indication of weapons or threats.", {W, T}),
    ("Weapons are not involved.", {W}),
    ("Nobody there is carrying a weapon.", {W}),
    ("At no point did it get physical.", {V, I}),
    ("Never escalated beyond words.", {V, I}),
    ("No violent acts.", {V, I}),
    ("Everyone is physically fine.", {I}),
    ("No one needs medical attention.", {I}),
    ("Threats have not been made.", {T}),
    ("No threats back and forth.", {T}),
    ("En ningún momento la amenazó.", {T}),
    ("Nadie se ha tocado.", {V, I}),
    ("No weapon or threat was involved.", {W, T}),
    ("No weapons, violence, injuries, threats at any point.", {W, V, I, T}),
    ("No one's been touched, threatened or hurt and nobody is armed.", {W, V, I, T}),
    ("Niega armas, golpes, amenazas y heridos la persona que llama.", {W, V, I, T}),
]
GOVERNED = [
    "Never hit anyone before today.",
    "He had never hit her.",
    "Nunca le había pegado.",
    "Ya no le pega.",
    "Not fighting anymore.",
    "Hasn't hit her again.",
    "Didn't hit him back.",
    "Not hurt bad.",
    "No le pegó fuerte.",
    "Nobody gets hurt if you pay.",
    "Neither one armed yet.",
    "Nadie sacó nada pero la trae.",
    "Never squared up but about to.",
    "Nobody else hurt.",
    "RP wants nobody hurt.",
    "If nobody's been hit by now.",
    "S1 says he never squared up.",
    "S1 dice que no me amenazó.",
    "RP vs S1 (uncle) says no weapons.",
    "Neighbor (uncle) says no weapons.",
    "S1, drunk, says no weapons.",
    "Neighbor in 4 says no weapons.",
    "S2 still yelling says no weapons.",
    "The man he argues with says no weapons.",
    "The buyer says no weapons.",
    "El novio dice que no hay armas.",
    "La señora, muy enojada, dice que no hay armas.",
    "RP thinks neither one armed.",
    "No weapons?",
    "Any weapons? No, just a bat.",
    "He has knives, none.",
    "They were asked about it, weapons, no.",
    "Weapons, no he has one.",
    "Armas, no se sabe.",
    "Any weapons? No one knows.",
    "Si no le pega.",
    "No day goes by without threats.",
    "Goes nowhere without a gun.",
    "Not a real gun.",
    "It wasn't a gun.",
    "Weapons? No threats yes.",
    "Asked about weapons, violence, injuries: said no to the last one.",
    "S1 asked about weapons, violence, threats: no to all.",
    "He answers no to weapons, violence and threats.",
    "He owns guns, knives, all denied.",
    "Weapons, violence, injuries, threats: all possible.",
    "Weapons, violence, injuries, threats: no to all but the first.",
    "Did not answer no to weapons or threats.",
    "No weapons that she will admit to.",
    "No hay armas, según él.",
    "Weapons not involved yet.",
    "Has not escalated to physical yet.",
    "Nobody got rough until he came out.",
    "Threats have not been made yet.",
    "Nadie se ha tocado, pero ya casi.",
]
LIMITED = [
    "No threats towards him.",
    "No threats in any text.",
    "No threats at the church hall.",
    "No threats the other day.",
    "Neither one armed that RP can see.",
]
TOLD = [
    "He said no hit her twice.",
    "Said nothing hit him.",
    "No weapons and threatened her.",
    "Never armed, shoved her, threatened her.",
    "Weapons none threatened her.",
    "Never pulled the knife.",
    "He never showed his piece.",
    "No soltó el cuchillo.",
    "Never hit him with the bat.",
    "Hasn't stopped hitting him.",
    "RP hears a woman saying don't hit me.",
    "Don't shoot!",
    "Don't touch me!",
    "No me empujes.",
    "No lo mates.",
    "Nobody hits my son.",
    "For no reason pushed her.",
    "No weapons, bleeding.",
    "Not kill him but hurt him.",
    "He pushed the man.",
    "No injuries and threats were made.",
    "Nobody hurt and weapons are involved.",
    "Nobody got heated until he swung.",
    "I don't know if he has any weapons on him.",
]


@pytest.mark.parametrize(("text", "facts"), DENIED)
def test_a_denial_in_any_wording_settles_its_facts(text: str, facts: set[str]) -> None:
    assert denied(text) == facts
    assert not found(text)


@pytest.mark.parametrize("text", [*GOVERNED, *LIMITED])
def test_what_tells_of_another_time_or_leaves_something_open_settles_nothing(text: str) -> None:
    assert denied(text) == set()


@pytest.mark.parametrize("text", [*GOVERNED, *TOLD])
def test_such_words_keep_a_call_from_being_safe(text: str) -> None:
    assert decided(said(f"{QUARREL} {text}")).verdict is not Verdict.SAFE


def test_one_answer_denies_the_list_of_its_own_sentence_alone() -> None:
    """Else a text of many short sentences would be read from each of them to its end: 64 KiB took 18 s."""
    assert denied("Threats, weapons. Injuries, violence: no to all.") == {I, V}


@pytest.mark.parametrize("text", ["Weapons, threats, all no problem for him.", "Weapons all denied."])
def test_an_answer_to_all_closes_what_is_said_and_answers_a_list(text: str) -> None:
    assert denied(text) == set()


def test_words_of_a_rule_that_are_no_item_are_only_taken_back() -> None:
    assert found("Nobody choked anybody.") - {"dv_words"} == set()
    assert denied("Nobody choked anybody.") == set()


@pytest.mark.parametrize(
    "danger", ["but he has a knife", "pero trae navaja", "until he swung a bat", "yet he choked her"]
)
@pytest.mark.parametrize("text", [text for text, _ in DENIED])
def test_a_danger_in_the_same_breath_as_a_denial_stands(text: str, danger: str) -> None:
    assert decided(said(f"{QUARREL} {text.rstrip('.')} {danger}.")).verdict is not Verdict.SAFE


@pytest.mark.parametrize(
    "told",
    [
        "No threats over the group chat.",
        "He hasn't threatened her in any of the emails.",
        "Sin amenazas por WhatsApp.",
    ],
)
def test_a_denial_of_threats_by_one_way_denies_no_others(told: str) -> None:
    decision = decided(said(f"{QUARREL} {told} No weapons, nothing physical, nobody hurt.", answers={}))
    assert "missing_threats" in rules(decision)
