"""`commonground plans`: check files, show what applying them would change, apply them, and write what is in force as files."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from services.home import DEFAULT, Home
from services.intake.domain.plan_draft import Change, differences
from services.intake.plan_files import FileFault, PlanFileInvalid, Written, read_plan_file
from services.intake.plan_model import plan_body, read_body
from services.replay.api import API, Answer
from services.replay.endpoints import Endpoints

app: Final = typer.Typer(help="Public safety plans as files: check, diff, apply, export.", no_args_is_help=True)
Files = Annotated[list[Path], typer.Argument(exists=True, help="YAML files, or folders of them.")]
HomeOption = Annotated[
    Path, typer.Option("--home", envvar="COMMONGROUND_HOME", help="The installation that is meant.", show_default=False)
]


class PlansRefusedError(Exception):
    """Some plans cannot be used; the message names each file, line and what to do."""


@app.command()
def check(
    files: Files,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask the running system: neighborhoods, rules, providers.")
    ] = False,
    home: HomeOption = DEFAULT,
) -> None:
    """Say what is wrong with the files; exit 1 if something is."""
    written = read_all(files)
    if online:
        asyncio.run(_with_system(home, written, names_only))
    sound = "1 plan is sound" if len(written) == 1 else f"{len(written)} plans are sound"
    typer.echo(f"{sound}: {', '.join(plan.neighborhood for plan in written)}", err=True)


@app.command()
def diff(files: Files, home: HomeOption = DEFAULT) -> None:
    """Print what applying the files would change."""
    asyncio.run(_with_system(home, read_all(files), show))


@app.command()
def apply(files: Files, home: HomeOption = DEFAULT) -> None:
    """Make each file the next version of its neighborhood's plan, unless it says what is in force already."""
    asyncio.run(_with_system(home, read_all(files), adopt))


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Where to write them, a file for each neighborhood.")],
    neighborhood: Annotated[list[str] | None, typer.Option(help="Only this one. Repeat for several.")] = None,
    home: HomeOption = DEFAULT,
) -> None:
    """Write every plan in force as a file that `apply` reads back."""
    found = asyncio.run(_texts(home, neighborhood or []))
    folder.mkdir(parents=True, exist_ok=True)
    for slug, text in found.items():
        (folder / f"{slug}.yaml").write_text(text, encoding="utf-8")
        typer.echo(folder / f"{slug}.yaml")


def read_all(given: Sequence[Path]) -> list[Written]:
    """Return the plans of files and folders. Raises PlansRefusedError with every fault of all of them."""
    paths = [path for one in given for path in (sorted(one.glob("*.y*ml")) if one.is_dir() else [one])]
    if not paths:
        raise PlansRefusedError("There is no YAML file there.")
    written: list[Written] = []
    faults: list[FileFault] = []
    for path in paths:
        try:
            written.append(read_plan_file(path))
        except PlanFileInvalid as error:
            faults += error.faults
    first: dict[str, str] = {}
    for plan in written:
        if plan.neighborhood in first:
            faults.append(
                plan.fault("/neighborhood", f"{plan.neighborhood} has a plan in {first[plan.neighborhood]} already")
            )
        first.setdefault(plan.neighborhood, plan.file)
    if faults:
        raise PlansRefusedError("\n".join(map(str, faults)))
    return written


class RunningSystem:
    """The running system, as these commands see it."""

    def __init__(self, api: API, token: str) -> None:
        self._api, self._token = api, token

    async def ask(self, service: str, method: str, path: str, *, json: Any = None) -> Answer:
        """Return the answer. Raises PlansRefusedError when there is none."""
        answer = await self._api.request(service, method, path, token=self._token, json=json)
        if answer.worth_trying_again:
            raise PlansRefusedError(f"{service} does not answer {method} {path} ({answer.status}); is the system up?")
        return answer


Work = Callable[[RunningSystem, Written], Awaitable[list[str]]]


async def _with_system(home: Path, written: list[Written], work: Work) -> None:
    endpoints = Endpoints.read(Home(home).endpoints)
    api = API(endpoints.urls)
    try:
        async for line in each(RunningSystem(api, endpoints.tokens["supervisor"]), written, work):
            typer.echo(line)
    finally:
        await api.close()


async def each(system: RunningSystem, written: Sequence[Written], work: Work) -> AsyncIterator[str]:
    """Yield what `work` says about each plan as it is done, once every name in all of them is known there.

    Raises PlansRefusedError at the first plan that is refused; what was yielded before it stays done.
    """
    if faults := await _unknown_names(system, written):
        raise PlansRefusedError("\n".join(map(str, faults)))
    for plan in written:
        for line in await work(system, plan):
            yield line


async def _unknown_names(system: RunningSystem, written: Sequence[Written]) -> list[FileFault]:
    """Return a fault for each neighborhood, provider and rule that the running system does not have."""
    answer = await system.ask("intake", "GET", "/v1/neighborhoods")
    slugs = {feature["properties"]["slug"] for feature in answer.body["features"]}
    known = set(_rule_names((await system.ask("intake", "GET", "/v1/protocol")).body["protocol"]))
    providers = {
        str(row[key])
        for row in (await system.ask("teams", "GET", "/v1/providers?limit=200")).body["items"]
        for key in ("id", "name")
    }
    faults: list[FileFault] = []
    for plan in written:
        listed = [("/neighborhood", plan.neighborhood, slugs, "neighborhood")]
        named = (("catchment", slugs, "neighborhood"), ("preferred_providers", providers, "provider"))
        for field, there, what in named:
            listed += [(f"/plan/{field}/{n}", word, there, what) for n, word in enumerate(plan.body.get(field) or ())]
        for field in ("exclude", "review"):
            words = (plan.body.get(field) or {}).get("reasons") or ()
            listed += [(f"/plan/{field}/reasons/{n}", word, known, "rule") for n, word in enumerate(words)]
        faults += [
            plan.fault(at, f"there is no such {what} here: {word}")
            for at, word, there, what in listed
            if word not in there
        ]
    return faults


def _rule_names(document: Any) -> Iterator[str]:
    """Yield the id and the reason of every rule, wherever the protocol has it."""
    if isinstance(document, Mapping):
        yield from (str(document[key]) for key in ("id", "reason") if document.get(key))
    inner = document.values() if isinstance(document, Mapping) else document if isinstance(document, list) else ()
    for item in inner:
        yield from _rule_names(item)


async def names_only(_system: RunningSystem, _plan: Written) -> list[str]:
    """Say nothing: the names were all that was to be asked."""
    return []


async def show(system: RunningSystem, plan: Written) -> list[str]:
    """Say what applying the plan would change."""
    version, changes = await _changes(system, plan)
    lines = [f"  {change.pointer}: {change.before!r} -> {change.after!r}" for change in changes]
    changed = "1 change" if len(changes) == 1 else f"{len(changes)} changes"
    return [f"{plan.neighborhood}: {changed} to version {version}", *lines]


async def adopt(system: RunningSystem, plan: Written) -> list[str]:
    """Make the plan the next version, unless what is in force says the same; say which it is."""
    version, changes = await _changes(system, plan)
    if not changes:
        return [f"{plan.neighborhood}: version {version} says the same"]
    path = f"/v1/neighborhoods/{plan.neighborhood}/plan"
    newest = (await system.ask("intake", "GET", f"{path}s?limit=1")).body["items"]
    body = {"plan": plan.body, "approved_by": plan.approved_by, "version": newest[0]["version"] if newest else 0}
    if plan.effective_from is not None:
        body["effective_from"] = plan.effective_from.isoformat()
    answer = await system.ask("intake", "PUT", path, json=body)
    if not answer.ok:
        errors = (answer.body or {}).get("errors") or [{"pointer": "", "detail": str(answer.body)}]
        raise PlansRefusedError("\n".join(str(plan.fault(error["pointer"], error["detail"])) for error in errors))
    return [f"{plan.neighborhood}: version {answer.body['version']} is in force from {answer.body['effective_from']}"]


async def _changes(system: RunningSystem, plan: Written) -> tuple[int, list[Change]]:
    found = (await system.ask("intake", "GET", f"/v1/neighborhoods/{plan.neighborhood}/plan")).body
    return found["version"], list(differences(found["plan"], plan_body(read_body(plan.body))))


async def _texts(home: Path, only: Sequence[str]) -> dict[str, str]:
    endpoints = Endpoints.read(Home(home).endpoints)
    api = API(endpoints.urls)
    try:
        return await texts(RunningSystem(api, endpoints.tokens["supervisor"]), only)
    finally:
        await api.close()


async def texts(system: RunningSystem, only: Sequence[str]) -> dict[str, str]:
    """Return the plans in force as texts of files, by neighborhood; without `only`, of those that have written one."""
    features = (await system.ask("intake", "GET", "/v1/neighborhoods")).body["features"]
    found: dict[str, str] = {}
    for slug in only or [feature["properties"]["slug"] for feature in features]:
        answer = await system.ask("intake", "GET", f"/v1/neighborhoods/{slug}/plan")
        if not answer.ok:
            raise PlansRefusedError(f"There is no neighborhood {slug}.")
        if answer.body["version"] or only:
            found[slug] = file_text(slug, answer.body)
    return found


def file_text(slug: str, answer: Mapping[str, Any]) -> str:
    """Return a plan in force as the text of a file: without what is as in every plan."""
    default = plan_body(read_body({}))
    said = {key: value for key, value in answer["plan"].items() if value is not None and value != default.get(key)}
    document = {"neighborhood": slug, "approved_by": answer["approved_by"] or "Nobody yet", "plan": said}
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120)
