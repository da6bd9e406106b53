"""docs/problems.md: every kind of problem, what it means and what the client does about it."""

from collections.abc import Mapping
from http import HTTPStatus
from importlib import import_module
from typing import Final, NamedTuple

from services.documents.words import NoWordsError, table
from services.documents.words import page as whole_page
from services.servers import SERVICES
from shared.problems import KERNEL_PROBLEMS, URN

ANYWHERE: Final = "all"


class Words(NamedTuple):
    """What a kind of problem means, and what a client does."""

    means: str
    do: str


EDGE: Final[Mapping[str, HTTPStatus]] = {
    "method-not-allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "body-too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "internal-error": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Problems that the edge answers itself, without a refusal in a table."""

WORDS: Final[Mapping[str, Words]] = {
    "unauthenticated": Words(
        "No bearer token, one that was signed with another key or has expired, or one that lacks what its role needs.",
        "Send `Authorization: Bearer <token>`; get a new token. Trying again with the same one is pointless.",
    ),
    "not-allowed": Words(
        "The token's role, or the CAD system or provider that it is bound to, does not allow this.",
        "Use a token of a role that the operation names.",
    ),
    "not-found": Words(
        "No such thing, or one that this caller may not see: a CAD never learns of another CAD's calls, a team of another team's work.",
        "Check the id. A tablet drops the row.",
    ),
    "method-not-allowed": Words("The path exists, the method does not.", "Mend the client."),
    "version-stale": Words(
        "The `version` in the body is not the current one; nothing was changed. `current_version` says which is.",
        "Read the thing again, decide again, send again.",
    ),
    "body-too-large": Words(
        "The body is over `limit_bytes` (64 KiB). Nothing of it was read.",
        "Cut it. A CAD that cannot get a report in keeps the call.",
    ),
    "invalid-request": Words(
        "The body, a parameter or a header cannot be accepted. `errors` names each value by its JSON pointer, and never repeats it.",
        "Mend the values named. After a report: keep the call. After an update: cancel the call or phone.",
    ),
    "idempotency-key-reused": Words(
        "This caller sent this `Idempotency-Key` to this path with another body within the last 24 h.",
        "One key for one intention: make a new key for a new request.",
    ),
    "not-on-shift": Words(
        "The team is not on shift, so there is no shift to end or to let run on.",
        "Look at the team's shifts; plan one.",
    ),
    "crew-at-work": Words(
        "The crew has live work: the people to whom a call was offered are those who go.",
        "Hand over when the work is cleared or declined.",
    ),
    "unavailable": Words(
        "Something that is needed, usually the database, did not answer in time. Nothing was decided.",
        "Wait as long as `Retry-After` says and send the same again. A CAD with a report in hand takes the call itself.",
    ),
    "internal-error": Words(
        "A bug of ours. Treat the request as not carried out.",
        "Do not repeat it blindly; tell the operator the time. A CAD keeps the call.",
    ),
    "call-has-changed": Words(
        "Others moved the call several times while the request was decided; nothing was done.",
        "Send the same again.",
    ),
    "disqualified": Words(
        "A disqualifying fact stands against sending civilians; `reasons` name it. No reviewer may set it aside.",
        "Return the call (`decision: return`), or send an update that shows the fact to be about something else.",
    ),
    "nothing-to-acknowledge": Words(
        "The call is neither returned nor has it an unread notice by that id.", "Read the call; somebody may have acknowledged it."
    ),
    "approver-wrote-it": Words(
        "Whoever is named as the approver of a plan is the only one who wrote it.",
        "Let somebody else approve it, or name the other authors in the plan's `authors`.",
    ),
    "draft-action-illegal": Words(
        "The draft's `status` has no such action; `actions` says which it has.",
        "Read the draft again. One that is proposed is reopened before it is written anew; an adopted one is never changed.",
    ),
    "nothing-to-review": Words(
        "No review of this call is open: it was decided, or has ended.", "Drop it from the queue and read the next one."
    ),
    "illegal-transition": Words(
        "What is asked is not possible from the present status, which the members name with what is legal now.",
        "Show the new status and offer only `actions`. A tablet drops the queued action; the truth has overtaken it.",
    ),
    "may-not-go-yet": Words(
        "The crew may come no nearer than the staging point; `awaiting` says what for (`police_staged`, `review`).",
        "Show it. Try again when the tablet's list says `may_depart: true`.",
    ),
    "may-not-be-offered": Words(
        "The newest decision does not allow a civilian team to take this call (any more).",
        "Drop the action and read the list again; a supervisor picks another call.",
    ),
    "team-not-eligible": Words(
        "A rule excludes the team from this call, also by hand; `excluded_by` names it.", "Pick another team: `/candidates` shows them."
    ),
    "wishes-missing": Words(
        "Intake has seen more applied wishes than this database holds: it was restored from a backup.",
        "Between services only: intake sends every wish of the last 48 h again.",
    ),
    "safety-link-down": Words(
        "Dispatch has not heard from intake for 30 s, so nobody accepts, leaves or arrives on what it said before.",
        'Show "stop short, link lost"; try again after `Retry-After`. Everything that makes a crew safer works meanwhile.',
    ),
    "teams-silent": Words("The teams service does not answer, so no team can be looked up or held.", "Try again after `Retry-After`."),
    "illegal-duty-change": Words(
        "`duty_status` cannot become what was asked; `legal` says what it can become.", "Offer only those."
    ),
    "team-held": Words(
        "The team has work, so it goes neither on break nor off duty.", "Decline the offer or clear the work first, then ask again."
    ),
    "team-not-free": Words(
        "The team cannot be held; `reasons` say why (`held`, `off_shift`, `crew_below_minimum` ...).", "Choose another team."
    ),
    "hold-released": Words("The hold of this id was released, perhaps before it was put.", "Never ask again with this id."),
    "hold-mismatch": Words("The id holds another team, or the same one for another incident.", "Make a new assignment id."),
    "name-taken": Words(
        "Another provider, or another team of the provider, has this name.", "Choose another name, or use the one there is."
    ),
    "still-in-use": Words("Something live depends on what is to be retired or taken away.", "End that first."),
    "team-retired": Words("A retired team has neither duty nor shifts.", "Bring it back with `retired: false`, or use another team."),
}  # fmt: skip


def kinds() -> dict[str, tuple[HTTPStatus, list[str]]]:
    """Return every kind of problem with its status and the services that answer it."""
    found: dict[str, tuple[HTTPStatus, list[str]]] = {}
    for name, status in KERNEL_PROBLEMS.values():
        found[name] = (status, [ANYWHERE])
    for name, status in EDGE.items():
        found[name] = (status, [ANYWHERE])
    for service in SERVICES:
        for name, status in import_module(f"services.{service}.api.problems").PROBLEMS.values():
            first = found.setdefault(name, (status, []))
            if ANYWHERE not in first[1] and service not in first[1]:
                first[1].append(service)
    if missing := sorted(found.keys() - WORDS.keys()):
        raise NoWordsError(f"services/documents/problems.py says nothing about: {', '.join(missing)}")
    return found


def page() -> str:
    """Return the page."""
    rows = [
        (
            f'<a id="{name}"></a>`{name}`',
            str(int(status)),
            ", ".join(where) if len(where) < len(SERVICES) else ANYWHERE,
            WORDS[name].means,
            WORDS[name].do,
        )
        for name, (status, where) in sorted(kinds().items(), key=lambda kind: (int(kind[1][0]), kind[0]))
    ]
    head = ("type", "status", "service", "it means", "the client does")
    return whole_page(
        "Problems",
        "the tables in `services/*/api/problems.py` and `shared/problems.py`",
        INTRODUCTION,
        table(head, rows),
    )


INTRODUCTION: Final = f"""
Whatever is not carried out is answered as `application/problem+json` (RFC 9457). `type` is `{URN}` and a name below; it never changes its
meaning, so a program may decide by it. `title` and `detail` are for people and may be reworded; neither ever repeats what a caller
said or where they live. Further members are facts for a machine.

```json
{{"type": "{URN}invalid-request", "title": "Invalid request", "status": 422,
 "detail": "Cannot be accepted: /location/lat_deg.",
 "errors": [{{"pointer": "/location/lat_deg", "detail": "Input should be less than or equal to 90"}}]}}
```

429 and 503 carry `Retry-After` in seconds. A 401 carries `WWW-Authenticate: Bearer`. What is *not* a problem: a 304 (a long-poll in which
nothing changed) and a 200 to something that had been done already.
"""
