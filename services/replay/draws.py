"""Chance with a seed: the same seed, call and question give the same answer, whatever the order in which they are asked."""

import math
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import Field, model_validator

from services.replay.yaml_file import Part

Key = TypeVar("Key")
Share = Annotated[float, Field(ge=0, le=1)]
"""A probability."""


class Spread(Part):
    """How long something takes: half of the times under the median, nine in ten under `p90_s` (log-normal)."""

    median_s: Annotated[float, Field(gt=0)]
    p90_s: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _in_order(self) -> "Spread":
        if self.p90_s < self.median_s:
            raise ValueError("p90_s is below median_s")
        return self

    def draw(self, chance: random.Random) -> timedelta:
        """Return one duration; never more than three times `p90_s`."""
        sigma = math.log(self.p90_s / self.median_s) / 1.2816
        return timedelta(seconds=min(self.median_s * math.exp(chance.gauss(0.0, sigma)), 3 * self.p90_s))


def chance(seed: int, *about: Any) -> random.Random:
    """Return the random numbers for one question about one thing."""
    return random.Random(f"{seed}/" + "/".join(str(part) for part in about))  # noqa: S311 - repeatable is what we want


def pick(chance_: random.Random, shares: Mapping[Key, float]) -> Key | None:
    """Return one key by its share of 1; None for what the shares leave of 1."""
    point = chance_.random()
    for key, share in shares.items():
        if point < share:
            return key
        point -= share
    return None
