"""The base of every refusal that a service can give, free of HTTP."""

from collections.abc import Mapping
from typing import Any, ClassVar


class Refusal(Exception):
    """A request that the service understood and will not carry out.

    `title` is the kind in a few words and never varies; the message is a sentence for a person and holds nothing that a
    caller said or where they live; `facts` are what a machine may act on (they become members of the problem document).
    """

    title: ClassVar[str] = "Refused"

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts: Mapping[str, Any] = facts


class Invalid(Refusal):
    """The body parsed, but one of its values cannot be accepted; `pointer` is the JSON pointer to it."""

    title = "Invalid request"

    def __init__(self, detail: str, *, pointer: str = "", **facts: Any) -> None:
        super().__init__(detail, errors=[{"pointer": pointer, "detail": detail}], **facts)


class NotFound(Refusal):
    """Nothing by that id that this caller may see."""

    title = "Not found"


class VersionStale(Refusal):
    """The body's `version` is not the current one; nothing changed. `current_version` is in the facts."""

    title = "Version is not current"


class NotAllowed(Refusal):
    """The caller's role, or what it is bound to, does not allow this."""

    title = "Not allowed"


class Unauthenticated(Refusal):
    """No bearer token, or one that does not verify."""

    title = "Who is calling?"


class Unavailable(Refusal):
    """Something needed is not there now; try again after `retry_after_s`."""

    title = "Not available now"

    def __init__(self, detail: str, *, retry_after_s: int = 1, **facts: Any) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, **facts)
