"""An update, read so that it never loses danger: unknown fields become text, long text is cut and marked."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, Field, ValidationError, model_validator

from services.intake.api.schemas.reports import (
    Answers,
    CallerInfo,
    CallTypeCode,
    CallTypeText,
    LinkedTo,
    Location,
    Narrative,
)
from services.intake.commands.evidence import TEXT_LIMIT
from services.intake.commands.statements import Said
from shared.edge import Language, Strict, Time
from shared.errors import Refusal
from shared.problems import pointer

_CUT: Final = {"narrative": TEXT_LIMIT, "call_type_text": 500, "call_type_code": 40}
_NAME_LIMIT: Final = 200
"""Characters of the names of unknown content that stand by each value."""


class UpdateInvalid(Refusal):
    """An update that cannot be read: a supervisor is alerted, and the CAD cancels or phones."""

    title = "Invalid request"


class Update(Strict):
    """What is new about a call. Unknown fields are kept and read as text; text over its limit is cut and a person must look."""

    model_config = Strict.model_config | {
        "json_schema_extra": {
            "additionalProperties": True,
            "examples": [
                {"narrative": "RP calls back: neighbor now has a bat.", "answers": {"weapons": "yes"}},
                {"police_staged": True, "observed_at": "2026-11-23T18:20:00-08:00"},
            ],
        }
    }

    narrative: Narrative | None = None
    language: Language | None = None
    answers: Answers | None = None
    call_type_code: CallTypeCode | None = None
    call_type_text: CallTypeText | None = None
    location: Location | None = None
    caller: CallerInfo | None = None
    linked_to: LinkedTo | None = None
    police_staged: Annotated[
        bool | None, Field(strict=True, description="Police wait nearby, or were called away; needs `observed_at`.")
    ] = None
    observed_at: Annotated[
        Time | None, Field(description="When that was seen. The newest wins; at a tie, `false`.")
    ] = None

    @model_validator(mode="after")
    def _staged_when(self) -> "Update":
        if self.police_staged is not None and self.observed_at is None:
            raise ValueError("police_staged needs observed_at")
        return self


class _Kept(NamedTuple):
    """The parts of a body that are fields of ours, the others, and each text that was cut, whole."""

    known: dict[str, Any]
    unknown: dict[str, Any]
    whole: dict[str, str]


def read_update(body: Any, said_by: str) -> Said:
    """Return what an update says. Raises UpdateInvalid, naming each field, for what cannot be read."""
    if not isinstance(body, Mapping):
        raise _invalid([{"pointer": "", "detail": "The body must be a JSON object."}])
    kept = _keep(body)
    try:
        update = Update.model_validate(kept.known)
    except ValidationError as error:
        raise _invalid(
            [{"pointer": _where(e["loc"], e["msg"]), "detail": str(e["msg"])[:300]} for e in error.errors()[:50]]
        ) from error
    extra_text, extra_cut = _text_of(kept.unknown)
    known = update.model_dump(mode="json", exclude_none=True)
    return Said(
        "update",
        known | ({"_unknown": kept.unknown} if kept.unknown else {}),
        said_by,
        extra_text=extra_text,
        truncated=bool(kept.whole) or extra_cut,
        linked_to=tuple(dict.fromkeys(update.linked_to or ())),
        police=(update.police_staged, update.observed_at)
        if update.police_staged is not None and update.observed_at is not None
        else None,
        whole=kept.whole,
    )


def _invalid(errors: list[dict[str, str]]) -> UpdateInvalid:
    named = ", ".join(error["pointer"] or "the body" for error in errors[:3])
    return UpdateInvalid(
        f"Cannot be accepted: {named}. A supervisor is alerted; cancel the call or phone.", errors=errors
    )


def _where(location: tuple[int | str, ...], message: str) -> str:
    return "/observed_at" if not location and "observed_at" in message else pointer(location)


def _keep(body: Mapping[str, Any]) -> _Kept:
    """Sort a body into what we know and what we do not, at every level that we know, and cut text to its limit."""
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    whole: dict[str, str] = {}
    for name, value in body.items():
        if name not in Update.model_fields:
            unknown[name] = value
        elif isinstance(value, str) and len(value) > _CUT.get(name, TEXT_LIMIT):
            known[name], whole[name] = value[: _CUT.get(name, TEXT_LIMIT)], value
        elif isinstance(value, Mapping) and (inner := _INNER.get(name)) is not None:
            known[name] = {key: item for key, item in value.items() if key in inner.model_fields}
            strange = {key: item for key, item in value.items() if key not in inner.model_fields}
            if strange:
                unknown[name] = strange
        else:
            known[name] = value
    return _Kept(known, unknown, whole)


_INNER: Final[Mapping[str, type[BaseModel]]] = {"answers": Answers, "location": Location, "caller": CallerInfo}


def _text_of(unknown: Mapping[str, Any]) -> tuple[str, bool]:
    """Return unknown content as text, up to the limit, and whether any of it was cut.

    No more is made than is kept: a name stands by each of its values, so a small body can stand for gigabytes of lines.
    """
    lines: list[str] = []
    length, cut = -1, False
    for line, cut_here in _lines(unknown):
        lines.append(line)
        length, cut = length + 1 + len(line), cut or cut_here
        if length > TEXT_LIMIT:
            break
    return "\n".join(lines)[:TEXT_LIMIT], cut or length > TEXT_LIMIT


def _lines(value: Any, name: str = "") -> Iterator[tuple[str, bool]]:
    """Return unknown content as lines of text, each name with its value, and whether the name is cut from here on.

    A name over its limit is a line of its own, once and whole; only its end, nearest to the values, stands by each of them.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            whole = f"{name} {key}".strip().replace("_", " ")
            if len(whole) > _NAME_LIMIT:
                yield whole, True
            yield from _lines(item, whole[-_NAME_LIMIT:])
    elif isinstance(value, list):
        for item in value:
            yield from _lines(item, name)
    elif value is not None:
        yield f"{name}: {'yes' if value is True else 'no' if value is False else value}", False
