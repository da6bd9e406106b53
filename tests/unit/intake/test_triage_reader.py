"""What a text denies, and what each denial is worth."""

import pytest

from services.intake.domain.triage.model import CORE_FOUR, Effect
from services.intake.domain.triage.reader import Reading, read
from tests.unit.intake.evidence import PROTOCOL


def reading(text: str) -> Reading:
    return read(text, PROTOCOL)


def denied(text: str) -> set[str]:
    return set(reading(text).denied)


def found(text: str) -> set[str]:
    return {finding.rule for finding in reading(text).findings}


W, V, I, T = CORE_FOUR  # noqa: E741  # weapons, violence, injuries, threats


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("No weapons.", {W}),
        ("NWS", {W}),
        ("neg weapons", {W}),
        ("Weapons: none", {W}),
        ("unarmed", {W}),
        ("sin armas", {W}),
        ("no traen nada en las manos", {W}),
        ("no violence", {V, I}),
        ("not physical", {V, I}),
        ("nobody touched anyone", {V, I}),
        ("verbal only", {V, I}),
        ("hands off", {V, I}),
        ("he never hit anyone", {V, I}),
        ("sin golpes", {V, I}),
        ("puras palabras", {V, I}),
        ("no se han tocado", {V, I}),
        ("nadie lo golpeó", {V, I}),
        ("nunca han llegado a los golpes", {V, I}),
        ("no fights", {V}),
        ("nobody hurt", {I}),
        ("no inj", {I}),
        ("sin lesionados", {I}),
        ("nadie salió herido", {I}),
        ("no threats", {T}),
        ("denies threats", {T}),
        ("hasn't threatened anybody", {T}),
        ("sin amenazas", {T}),
        ("no lo amenazó", {T}),
        ("no weapons, threats or injuries", {W, T, I}),
        ("no weapons/threats/violence/injs", {W, V, I, T}),
        ("sin armas ni golpes ni amenazas", {W, V, I, T}),
        ("no hay armas, ni violencia ni lesionados", {W, V, I}),
        ("neg w, neg t, neg i", {W, T, I}),
        ("No weapons of any kind", {W}),
        ("No threats per RP", {T}),
    ],
)
def test_a_plain_denial_settles_its_facts_and_asserts_nothing(text: str, facts: set[str]) -> None:
    assert denied(text) == facts
    assert not found(text) - {"body_named"}


@pytest.mark.parametrize(
    "text",
    [
        "weapons",  # silence is not a denial, and naming is none
        "verbal argument",
        "calm",
        "unk weapons",
        "no sabe si hay armas",
        "didn't say re threats",
        "cannot say no weapons",
        "thinks no weapons",
        "no weapons today",  # denies only so much
        "no threats by text",
        "no threats to RP",
        "no weapon that I saw",
        "no weapons known",
        "no weapons in the house",
        "no weapons except a bat",
        "no weapons but he has a bat",
        "sin armas pero trae un tubo",
        "no violence until today",
        "S1 says no weapons",
        "S1 denies threats",
        "the landlord denies any violence",
        "el vecino dice que no hubo amenazas",
        "he has not hit me yet",
    ],
)
def test_a_denial_that_something_governs_settles_nothing(text: str) -> None:
    assert denied(text) == set()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("no weapons except a bat", "denial_with_exception"),
        ("S1 denies threats", "denied_by_accused"),
        ("cannot say there is no knife", "weapon"),
        ("no es que no traiga cuchillo", "weapon"),
        ("not only did he threaten", "threat"),
        ("no, screaming", "unknown_trouble"),
        ("no weapons, threats to kill her", "threat"),
        ("no weapons; stabbed him", "weapon"),
        ("cannot say there is no fire", "fire_hazard"),
    ],
)
def test_what_governs_a_denial_shows(text: str, rule: str) -> None:
    assert rule in found(text)


def test_what_is_unknown_hides_its_words_and_denies_nothing() -> None:
    assert found("unk weapons") == set()
    assert denied("unk weapons") == set()


def test_a_denial_hides_only_the_words_that_it_covers() -> None:
    assert found("No knife. He has a knife.") == {"weapon"}


def test_what_begins_behind_a_comma_belongs_to_no_danger_before_it() -> None:
    assert found("nobody touched, kids polite") == set()
    assert found("la bomba no jala, él dice que fue la luz") == set()
    assert found("grabbed the kids, all of them") == {"violence_now"}
    assert "child_risk" in found("toddler left in the bath, alone")
    assert "child_risk" in found("the kid is on the balcony, climbing over")
    assert "restraint" in found("He has the door, blocked since noon")
    assert "child_risk" in found("el niño está en el carro, solo")
    assert "child_risk" in found("el niño está en el carro, solo desde mediodía")


@pytest.mark.parametrize(
    "text",
    [
        "RP says there was a shooting on this block years back, strangers, unrelated",
        "Mgr mentions a gunpoint robbery here in 2021 by strangers, unrelated",
        "Different guy w knife arrested here in spring, not him",
        "La tienda la asaltaron con pistola hace años, otra gente, nada que ver",
        "Menciona que en otra cuadra balacearon a alguien hace años, gente que ni conocen",
        "Antes vivía ahí un pandillero que balearon, pero eso fue con otros dueños hace años",
    ],
)
def test_what_others_did_or_suffered_long_ago_is_no_danger(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "S1 pulled a gun here in 2021, unrelated",
        "He was arrested w a knife last spring, unrelated matter",
        "RP mentions he stabbed a guy on this block years back, strangers",
        "Another guy came w a knife, not him, the cousin",
        "There was a shooting at the block party tonight, strangers",
        "There was a stabbing in the lot an hour ago, unrelated people",
        "El vecino menciona que mató a uno hace años, nada que ver",
        "Robaron con pistola hace años, él y otra gente",
        "Shooting on this block last night. Strangers, unrelated",
    ],
)
def test_what_a_party_did_or_happened_lately_is(text: str) -> None:
    assert found(text)


def test_a_figure_of_speech_may_stand_in_quotes() -> None:
    assert found('RP says sis "stabbed me in the back" by telling aunt') == set()
    assert "weapon" in found('RP says sis "stabbed me" in the kitchen')


def test_a_figure_of_speech_hides_only_itself() -> None:
    assert "threat" not in found("this noise is killing me")
    assert "threat" in found("this noise is killing me, I will kill him")


def test_each_end_of_a_phrase_counts_where_its_last_word_may_be_taken_back() -> None:
    assert "dangerous_animal" not in found("Husky is leashed and friendly, no bites")
    assert "dangerous_animal" in found("Husky is lunging at kids, no bites")
    assert "child_risk" not in found("the toddler is scared of the decorations")
    assert "child_risk" in found("the toddler is hungry and scared of the decorations")


@pytest.mark.parametrize(
    "text",
    [
        "bbq smoke",
        "Cigarette smoke on the patio",
        "smoke from his grill",
        "smoke from the grill comes in",
        "the smoke is coming from the neighbors brisket",
        "he grills ribs every Sunday and the smoke gets in her bedroom",
        "smokes on the balcony and the smoke goes up",
        "smoke from the taco truck",
        "el humo del asador se mete a su cuarto",
        "humo de cigarro",
        "el humo de su puro",
        "la vecina cocina carbón en el balcón y el humo le entra",
    ],
)
def test_smoke_is_no_fire_where_its_own_words_say_what_smokes(text: str) -> None:
    assert found(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "the smoke gets in her bedroom",
        "he grills on Sundays, the smoke gets in her bedroom",
        "There is smoke. They have a grill.",
        "smoke drifts over",
        "el humo le entra",
        "Hay humo. Tienen un asador.",
        "fuma en el balcón. Hay humo en el pasillo",
    ],
)
def test_what_smokes_elsewhere_in_the_text_explains_no_smoke(text: str) -> None:
    assert "smoke_unexplained" in found(text)


def test_words_that_explain_smoke_hide_no_fire() -> None:
    assert "fire_hazard" in found("he grills on Sundays, now smoke is coming from the roof")
    assert "fire_hazard" in found("en la cocina hay fuego y mucho humo")
    assert "fire_hazard" in found("smoke from his grill, the fence is on fire")


def test_a_rule_that_says_what_is_meant_speaks_in_place_of_the_others() -> None:
    assert found("water gun") == {"toy_weapon"}
    assert found("water gun and a gun") == {"toy_weapon", "weapon"}


def test_the_words_are_quoted_as_they_were_written() -> None:
    text = "RP: trae un CU\u200bCHILLO aquí."
    words = next(f.words for f in reading(text).findings if f.rule == "weapon")
    assert text[words.start : words.end] == words.quote
    assert words.quote.endswith("CU\u200bCHILLO")


def test_the_same_wording_is_found_once() -> None:
    text = "knife knife KNIFE"
    assert [f.words.quote for f in reading(text).findings if f.rule == "weapon"] == ["knife"]


def test_people_and_ages_are_numbers() -> None:
    text = "14 people in a group of 30, 9 yo calling"
    assert [people.number for people in reading(text).people] == [14, 30]
    assert [number for number, _ in reading(text).caller_ages] == [9]


def test_huge_numbers_do_no_harm() -> None:
    assert reading(f"{'9' * 5000} people").people


def test_guests_are_whom_the_sentence_about_the_party_counts() -> None:
    text = "Birthday party w 14 people. Outside 12 people argue. 20 people at the fiesta"
    assert [(people.number, people.guests) for people in reading(text).people] == [(14, True), (12, False), (20, True)]


def test_only_the_text_of_a_call_type_is_read_for_its_modifiers() -> None:
    assert "code_modifier_danger" not in found("susp now")
    assert "code_modifier_danger" in {f.rule for f in read("susp now", PROTOCOL, is_call_type=True).findings}


@pytest.mark.parametrize("text", ["", "   ", "...", "\u200b", "12 34"])
def test_a_text_without_words_says_nothing(text: str) -> None:
    empty = reading(text)
    assert (empty.words, empty.known_words, empty.findings, empty.unexplained) == (0, 0, (), ())
    assert empty.unexplained_harmless == ()


@pytest.mark.parametrize(
    ("told", "fact"),
    [
        ("Weapons no.", "weapons"),
        ("No guns or other weapons.", "weapons"),
        ("Hitting no.", "violence"),
        ("Neg on injuries.", "injuries"),
        ("No one making threats.", "threats"),
        ("Armas no.", "weapons"),
        ("Golpes no ha habido.", "violence"),
        ("Nadie le ha puesto la mano a nadie.", "violence"),
        ("Heridos no.", "injuries"),
    ],
)
def test_a_denial_may_come_after_what_it_denies(told: str, fact: str) -> None:
    assert fact in denied(told)


@pytest.mark.parametrize(
    "told",
    [
        "He is hitting, no, punching her.",
        "He can't keep his hands to himself.",
        "She told him she will be the one killing him.",
        "He stabbed her in the back at work.",
        "He broke the window and is smashing the rest.",
        "Le aventó agua caliente.",
        "Va a meter la troca por la puerta, con el otro adentro.",
    ],
)
def test_a_danger_in_a_harmless_frame_is_still_one(told: str) -> None:
    assert any(PROTOCOL.rules[rule].effect is Effect.UNSAFE for rule in found(told))


@pytest.mark.parametrize("word", ["stoves", "belting", "wilting", "moños"])
def test_a_form_of_an_everyday_word_is_no_misspelled_danger(word: str) -> None:
    assert not found(f"Neighbors argue about {word} again")


@pytest.mark.parametrize("word", ["threatning", "stabing", "hiting", "pushng"])
def test_a_misspelled_danger_is_one_whatever_it_may_be_a_form_of(word: str) -> None:
    assert found(f"He was {word} him")
