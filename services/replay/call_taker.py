"""The simulated call-taker: city files hold no answers, so somebody must ask. What it adds is drawn in stated shares."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from pydantic import Field, StrictInt, StrictStr, model_validator

from services.replay.draws import Share, pick
from services.replay.mapping import TakerRule
from services.replay.yaml_file import FileFaultError, Part, find, locate, read

CORE_FOUR: Final = ("weapons", "violence", "injuries", "threats")


class Scenario(Part):
    """One thing that may be behind a call of this kind: how often, what was answered, what the call-taker typed."""

    name: str
    share: Share
    could_go: bool
    """Whether a civilian team could serve it, by the truth behind the report."""
    code: str | None = None
    text: str | None = None
    """The call type that the call-taker sets; without one the file's own stays."""
    core_four: str | None = None
    """One answer to all four of weapons, violence, injuries and threats, before `answers`."""
    answers: dict[str, StrictStr | StrictInt] = {}
    """YAML reads a bare yes as true, which is refused here: write `"yes"`."""
    en: tuple[str, ...] = ()
    es: tuple[str, ...] = ()


class Profile(Part):
    """What calls of one kind turn out to be. The shares add up to 1."""

    says: str
    scenarios: tuple[Scenario, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        total = sum(scenario.share for scenario in self.scenarios)
        if abs(total - 1) > 0.001:
            raise ValueError(f"the shares add up to {total:.3f}, not 1")
        return self


class _File(Part):
    name: str
    says: str
    common: dict[str, Any] = {}
    """Scenarios that several profiles take over by YAML's own references; read by nobody else."""
    profiles: dict[str, Profile]


@dataclass(frozen=True, slots=True)
class Taken:
    """What the call-taker added to one report."""

    scenario: str
    could_go: bool
    answers: Mapping[str, Any]
    narrative: str
    language: str
    code: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class CallTaker:
    """A call-taker with its profiles."""

    name: str
    says: str
    profiles: Mapping[str, Profile]

    @classmethod
    def load(cls, name: str) -> "CallTaker":
        """Return the call-taker of that name, or in that file. Raises FileFaultError."""
        file = read(find("call_takers", name), _File)
        return cls(file.name, file.says, file.profiles)

    def check_profiles(self, rule: TakerRule, mapping_path: Path) -> None:
        """Refuse a mapping that names a profile we do not have. Raises FileFaultError."""
        named: list[tuple[str | None, tuple[str | int, ...]]] = [
            *((profile, ("call_taker", "table", value)) for value, profile in rule.table.items()),
            *((entry.profile, ("call_taker", "contains", i, "profile")) for i, entry in enumerate(rule.contains)),
            (rule.otherwise, ("call_taker", "otherwise")),
        ]
        for profile, field in named:
            if profile is not None and profile != "none" and profile not in self.profiles:
                known = ", ".join(sorted(self.profiles))
                raise FileFaultError(f"{locate(mapping_path, *field)}: no profile {profile!r}; there are {known}, none")

    def take(self, profile: str, draw: random.Random, *, spanish: float) -> Taken:
        """Return what this call turned out to be, drawn with `draw`."""
        scenarios = self.profiles[profile].scenarios
        name = pick(draw, {scenario.name: scenario.share for scenario in scenarios})
        scenario = next((entry for entry in scenarios if entry.name == name), scenarios[-1])
        in_spanish = draw.random() < spanish
        lines = (scenario.es if in_spanish else scenario.en) or scenario.en or scenario.es
        answers: dict[str, Any] = dict.fromkeys(CORE_FOUR, scenario.core_four) if scenario.core_four else {}
        return Taken(
            scenario=f"{profile}/{scenario.name}",
            could_go=scenario.could_go,
            answers=answers | scenario.answers,
            narrative=draw.choice(lines) if lines else "",
            language="es" if in_spanish else "en",
            code=scenario.code,
            text=scenario.text,
        )
