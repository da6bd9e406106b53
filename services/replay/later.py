"""What a file says will happen to a call later: news, a cancel, a second report, police on the way."""

from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, model_validator

from services.replay.yaml_file import Part


class Later(Part):
    """One event: `delay_s` seconds of the system's time after the call first reaches `after`."""

    after: Literal["reported", "in_review", "queued", "offered", "accepted", "en_route", "on_scene"] = "reported"
    delay_s: Annotated[float, Field(ge=0)] = 0.0
    do: Literal["update", "cancel", "report_again", "police_staged", "recall"]
    body: dict[str, Any] = {}
    """`update`: the update. `report_again`: what differs from the first report. `cancel`, `recall`: the reason."""

    @model_validator(mode="after")
    def _has_body(self) -> "Later":
        if self.do == "update" and not self.body:
            raise ValueError("an update needs a body")
        return self

    @property
    def delay(self) -> timedelta:
        """The delay as a duration."""
        return timedelta(seconds=self.delay_s)


_EVENTS: Final = TypeAdapter(tuple[Later, ...])


def read_later(value: Any) -> tuple[Later, ...]:
    """Return the events in a file's field. Raises pydantic's ValidationError."""
    return _EVENTS.validate_python(value)
