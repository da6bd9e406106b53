"""Refusals of dispatch beside those of the two machines. They carry facts and know nothing of HTTP."""

from datetime import datetime

from shared.errors import Refusal, Unavailable


class SafetyLinkDown(Unavailable):
    """Intake has not been heard from for 30 s: nobody is sent on what it said before (D-3)."""

    title = "Safety link down"


class MayNotGoYet(Refusal):
    """The crew may drive no further than the staging point; `awaiting` says what for (D-2)."""

    title = "May not go yet"


class MayNotBeOffered(Refusal):
    """The newest wish does not allow a civilian team to be offered this call (D-1)."""

    title = "May not be offered"


class WishesMissing(Refusal):
    """Intake has seen more applied wishes than this database holds: it was restored. Every wish must be sent again."""

    title = "Wishes missing"

    def __init__(self, as_of: datetime, applied: int) -> None:
        detail = "This database holds fewer wishes than you have seen applied; send every wish again."
        super().__init__(detail, as_of=as_of.isoformat(), applied=applied)


class TeamNotEligible(Refusal):
    """A rule excludes the team from this call."""

    title = "Team not eligible"


class TeamsSilent(Unavailable):
    """The teams service does not answer."""

    title = "Teams service does not answer"
