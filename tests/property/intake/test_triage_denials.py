"""No denial, however it is worded, takes back a danger told beside it, and what is denied is never more than is covered."""

from typing import Final

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from services.intake.domain.triage.model import Verdict
from services.intake.domain.triage.reader import read
from tests.unit.intake.evidence import PROTOCOL, QUARREL, decided, said

few = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])

HEADS: Final = (
    "no", "not", "never", "neg", "nil", "zero", "without", "nobody", "nobody's", "no one has", "neither one", "none of them",
    "not one of them is", "neither party has ever", "didn't", "hasn't", "haven't", "wasn't", "isn't", "they don't",
    "nobody even", "denies", "no hay", "nunca", "jamás se", "nadie", "nadie ha", "nadie se ha", "ninguno de los dos",
    "ni", "sin", "tampoco hubo", "nada de", "no se han", "sin que nadie", "",
)  # fmt: skip
DENIED: Final = (
    "weapons", "armed", "guns", "physical", "violence", "hit", "hit anyone", "touched", "touched each other", "squared up",
    "swung", "choked", "threats", "threatened", "threatened anybody", "hurt", "injuries", "hands on anybody", "contact",
    "armas", "golpes", "golpeado", "amenazado", "amenazas", "heridos", "pegó", "sacó nada", "violento", "packing",
)  # fmt: skip
LISTED: Final = (
    "",
    "",
    " or threats",
    ", threats or injuries",
    "/contact",
    " ni amenazas",
    " nor hurt",
    " seen",
    " either",
)
ANSWERED: Final = ("", "", " no", " none", ": neg", " cero", "? No.", "? Ninguna.")
JOINED: Final = (
    " but ",
    ", but ",
    " pero ",
    " and ",
    ", ",
    " yet ",
    " until ",
    " except ",
    " ",
    ". ",
    "; ",
    " / ",
    " y ",
)
BESIDE: Final = (
    "he has a knife", "trae navaja", "he pulled a gun", "la golpeó", "he punched her", "he will kill her", "sacó un cuchillo",
    "he shoved his sister down", "she is bleeding", "la amenazó de muerte", "he threatened to shoot", "RP has a bat",
)  # fmt: skip

IN_SPANISH: Final = ("trae navaja", "la golpeó", "sacó un cuchillo", "la amenazó de muerte")
"""Those of them that a "no" before them denies: "no trae navaja"."""

denials = st.builds(
    lambda head, denied, listed, answered: f"{head} {denied}{listed}{answered}".strip(),
    *map(st.sampled_from, (HEADS, DENIED, LISTED, ANSWERED)),
)


@few
@given(denials, st.sampled_from(JOINED), st.sampled_from(BESIDE))
def test_a_danger_beside_a_denial_is_never_safe(denial: str, join: str, danger: str) -> None:
    assume(not (denial.endswith(" no") and join == " " and danger in IN_SPANISH))
    assert decided(said(f"{QUARREL} {denial}{join}{danger}.")).verdict is not Verdict.SAFE


@few
@given(denials, st.sampled_from(JOINED), st.sampled_from(BESIDE))
def test_a_danger_before_a_denial_is_never_safe(denial: str, join: str, danger: str) -> None:
    assert decided(said(f"{QUARREL} {danger}{join}{denial}.")).verdict is not Verdict.SAFE


@few
@given(
    st.sampled_from(HEADS),
    st.sampled_from(DENIED),
    st.sampled_from(["before today", "yet", "again", "anymore", "until today", "unless he drinks", "antes"]),
)
def test_a_denial_of_another_time_settles_nothing(head: str, denied: str, time: str) -> None:
    assert not read(f"{head} {denied} {time}.", PROTOCOL).denied
