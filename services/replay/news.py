"""What the shift script makes happen to a call later, drawn for each call."""

import random
from collections.abc import Mapping
from typing import Any, Final

from services.replay.calls import ReplayCall
from services.replay.draws import chance, pick
from services.replay.later import Later
from services.replay.script import Script

WORSE: Final[Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]]] = {
    "en": (
        ("RP calls back: one of them came back with a gun.", {"weapons": "yes"}),
        ("RP calls back: they are hitting each other now.", {"violence": "yes"}),
        ("RP calls back: he says he is going to kill the neighbor.", {"threats": "yes"}),
        ("RP calls back: somebody fell and is bleeding.", {"injuries": "yes"}),
    ),
    "es": (
        ("PR llama de nuevo: uno regresó con una pistola.", {"weapons": "yes"}),
        ("PR llama de nuevo: ya se están golpeando.", {"violence": "yes"}),
        ("PR llama de nuevo: dice que lo va a matar.", {"threats": "yes"}),
        ("PR llama de nuevo: alguien se cayó y está sangrando.", {"injuries": "yes"}),
    ),
}
SECOND_CALLER: Final = {
    "en": "2nd caller about the same: still arguing, verbal only, no weapons, no threats, nobody hurt.",
    "es": "Segunda llamada por lo mismo: siguen discutiendo, solo verbal, sin armas, sin amenazas, sin heridos.",
}
_CANCELS: Final = ("caller_resolved", "caller_cancelled", "handled_by_phone")


def events_of(call: ReplayCall, script: Script, seed: int) -> list[Later]:
    """Return what will happen to this call: what its file says, else what the script's shares draw."""
    if call.later:
        return list(call.later)
    draw = chance(seed, call.key, "later")
    language = "es" if call.report.get("language") == "es" else "en"
    events = []
    if draw.random() < script.cad.duplicate:
        events.append(
            Later(do="report_again", delay_s=draw.uniform(40, 200), body={"narrative": SECOND_CALLER[language]})
        )
    if (stage := pick(draw, script.cad.worse_news)) is not None:
        words, answers = draw.choice(WORSE[language])
        body = {"narrative": words, "answers": dict(answers)}
        events.append(Later(after=stage, delay_s=_delay(script, draw), do="update", body=body))
    elif (stage := pick(draw, script.cad.cancel)) is not None:
        body = {"reason": draw.choice(_CANCELS)}
        events.append(Later(after=stage, delay_s=_delay(script, draw), do="cancel", body=body))
    elif (stage := pick(draw, script.supervisor.recall)) is not None:
        body = {"reason": "Simulated: the supervisor called the team off."}
        events.append(Later(after=stage, delay_s=_delay(script, draw), do="recall", body=body))
    return events


def _delay(script: Script, draw: random.Random) -> float:
    return script.cad.news_after.draw(draw).total_seconds()
