"""The `commonground` command. Each subcommand imports what it needs when it runs, so that `--help` answers at once."""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer
from rich.console import Console

from services.credentials import WeakSecretError, token_secret
from services.evaluate import options
from services.home import DEFAULT, Home
from services.processes import AlreadyRunningError
from shared.auth import Caller, Role, checked_secret, issue

app: Final = typer.Typer(
    name="commonground",
    help="Routes non-violent 911 calls to civilian mediators. Begin with: commonground up",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
console: Final = Console(stderr=True)

HomeOption = Annotated[
    Path,
    typer.Option(
        "--home",
        envvar="COMMONGROUND_HOME",
        help="Folder with the database, secret and logs of this installation.",
        show_default=".commonground beside the code",
    ),
]


class UsageError(Exception):
    """What was asked cannot be done; the message says what is missing."""


@app.command()
def up(
    home: HomeOption = DEFAULT,
    once: Annotated[bool, typer.Option("--once", help="Stop after the proof; exit 1 if a call ended wrongly.")] = False,
    replicas: Annotated[int, typer.Option(min=1, max=8, help="How many of each service.")] = 1,
    port_base: Annotated[
        int,
        typer.Option(
            envvar="COMMONGROUND_PORTS",
            min=1024,
            max=65500,
            help="Intake listens on this + 1, dispatch + 2, teams + 3.",
        ),
    ] = 8000,
    time_rate: Annotated[
        float, typer.Option(min=1.0, max=1000.0, help="Let time run so many times as fast, for replays.")
    ] = 1.0,
) -> None:
    """Start everything on this machine, prove it with four calls, and stay up until Ctrl-C.

    Uses an embedded PostgreSQL, unless DATABASE_URL (or one INTAKE_DATABASE_URL, DISPATCH_DATABASE_URL and
    TEAMS_DATABASE_URL each) names a server of yours.
    """
    from services import launcher

    wanted = launcher.Options(Home(home), once=once, replicas=replicas, port_base=port_base, time_rate=time_rate)
    raise typer.Exit(launcher.up(wanted, os.environ, Console()))


@app.command()
def migrate() -> None:
    """Bring the server that DATABASE_URL names to the schemas, roles and rights that this version needs."""
    from services.migrate import migrate as run
    from services.servers import servers

    where = servers(os.environ)
    if not where:
        raise UsageError("Set DATABASE_URL (or INTAKE_DATABASE_URL and its like) to the server to migrate.")
    if samples := [name for name, value in os.environ.items() if "change-me" in value]:
        raise UsageError(f"Still as in .env.example: {', '.join(sorted(samples))}. Put secrets of your own there.")
    for done in asyncio.run(run(where, os.environ.get("COMMONGROUND_SECRET", ""))).values():
        _say(f"{done.service}: schema is at {done.revision}")
        for line in done.lost:
            _say(line, style="yellow")


@app.command()
def seed(home: HomeOption = DEFAULT) -> None:
    """Load the starter city (Los Angeles neighborhoods, a dozen invented teams) into the running system, if it is empty."""
    from services.starter_city.command import seed_running

    _say(asyncio.run(seed_running(Home(home).endpoints)))


@app.command()
def token(
    role: Annotated[Role, typer.Argument(help="What the holder may do.")],
    cad_system: Annotated[
        list[str] | None, typer.Option(help="For cad: a system it may report for. Repeat for several.")
    ] = None,
    team: Annotated[UUID | None, typer.Option(help="For team: the team whose tablet it is.")] = None,
    provider: Annotated[
        UUID | None, typer.Option(help="For supervisor: the only provider whose teams it sees.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="How history names the holder.", show_default="the role")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Expires after so many days.", show_default="never")] = None,
    home: HomeOption = DEFAULT,
) -> None:
    """Print a bearer token.

    It is signed with COMMONGROUND_TOKEN_SECRET or, without that, with the key that `up` derives from its secret.
    """
    if role is Role.CAD and not cad_system:
        raise UsageError("A cad token names the systems it may report for: --cad-system lapd-cad")
    if role is Role.TEAM and team is None:
        raise UsageError("A team token names its team: --team <id>")
    if (cad_system and role is not Role.CAD) or (team and role is not Role.TEAM):
        raise UsageError(f"A {role} token is bound to no CAD system and no team.")
    if provider and role is not Role.SUPERVISOR:
        raise UsageError("Only a supervisor's token can be bound to a provider.")
    holder = Caller(role, name or role.value, frozenset(cad_system or ()), team, provider)
    print(issue(_token_secret(Home(home), os.environ), holder, valid_for=timedelta(days=days) if days else None))


def _token_secret(home: Home, environment: Mapping[str, str]) -> str:
    if given := environment.get("COMMONGROUND_TOKEN_SECRET"):
        try:
            return checked_secret(given)
        except ValueError as error:
            raise UsageError(f"COMMONGROUND_TOKEN_SECRET: {error}") from error
    if not environment.get("COMMONGROUND_SECRET") and not (home.path / "secret").exists():
        raise UsageError(
            f"No secret: {home.path} has none. Run `commonground up` first, or set COMMONGROUND_TOKEN_SECRET."
        )
    return token_secret(home.secret(environment))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def replay(context: typer.Context) -> None:
    """Post the calls of a CSV or JSONL file to a running system, with simulated tablets, and sum up what became of them."""
    from services.replay.command import main as run

    raise typer.Exit(run(context.args))


bench: Final = typer.Typer(help="Measurements that anybody can repeat.", no_args_is_help=True)
app.add_typer(bench, name="bench")


@bench.command("matching")
def bench_matching(
    seeds: Annotated[str, typer.Option(help="First and last seed of the chance in it.", metavar="FIRST-LAST")] = "1-20",
    loads: Annotated[str, typer.Option(help="Loads to play, separated by commas.")] = "0.4,0.6,0.8",
    days: Annotated[int, typer.Option(min=3, max=365, help="Days; the first one is left out of the figures.")] = 20,
    deadlines: Annotated[
        bool, typer.Option("--deadlines", help="Return calls at their assign-by deadline, as production does.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for the chart and the figures.", show_default="none")] = None,
) -> None:
    """Play a synthetic city under the matching rule and two simpler ones, and say whether the promised figures hold.

    Exit 1 if one does not. All seeds of all loads take about 25 minutes on one core; `--seeds 1-3` a few minutes.
    """
    try:
        from services.bench.matching.command import Asked, run
    except ModuleNotFoundError as error:
        raise UsageError(f"The bench needs {error.name}: pip install -e .[dev]") from error
    first, _, last = seeds.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first)):
        raise UsageError("Seeds are written as in --seeds 1-20")
    try:
        played = sorted({float(load) for load in loads.split(",")})
    except ValueError as error:
        raise UsageError("Loads are written as in --loads 0.4,0.6") from error
    if not all(0 < load < 1 for load in played):
        raise UsageError("A load lies between 0 and 1: at 1 nobody would ever be free.")
    asked = Asked(range(int(first), int(last or first) + 1), played, days, deadlines)
    raise typer.Exit(run(asked, Console(), out))


@app.command()
def tablet(
    home: HomeOption = DEFAULT,
    team: Annotated[
        str | None, typer.Option(help="The team's id.", show_default="the first that `up` wrote a token for")
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="COMMONGROUND_TEAM_TOKEN", help="Its token.", show_default="from `up`")
    ] = None,
    position: Annotated[
        str | None, typer.Option(help="Where the tablet is: 34.05,-118.24", show_default="none is sent")
    ] = None,
    simulate: Annotated[
        str | None, typer.Option(help="Work by itself as a crew of this script (calm, drill, a file) does.")
    ] = None,
) -> None:
    """Be one team's tablet: see offers, read the briefing, accept, depart, arrive, clear, escalate, sound the alarm."""
    from services.replay.endpoints import Endpoints
    from services.tablet.command import run_screen, run_simulated, team_of

    place = Home(home)
    endpoints = Endpoints.read(place.endpoints)
    team_id, held = team_of(endpoints, team, token)
    where = _position(position)
    if simulate is None:
        run_screen(endpoints, team_id, held, folder=place.path / "tablets", position=where)
    else:
        run_simulated(endpoints, team_id, held, script=simulate, position=where)


def _position(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        lat_deg, lon_deg = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError("Write the position as latitude and longitude: --position 34.05,-118.24") from None
    if not (abs(lat_deg) <= 90 and abs(lon_deg) <= 180):
        raise UsageError("There is no such place on earth: --position 34.05,-118.24")
    return lat_deg, lon_deg


@app.command()
def evaluate(
    files: options.Files = None,
    *,
    protocol: options.Protocols = None,
    stored: options.Stored = False,
    jurisdiction: options.Jurisdiction = "los-angeles",
    limit: options.Limit = 5000,
    answer_all_no: options.AnswerAllNo = False,
    review_seconds: options.ReviewSeconds = 60.0,
    brief: options.Brief = False,
    json_file: options.JsonFile = None,
    html_file: options.HtmlFile = None,
    page_file: options.PageFile = None,
    home: HomeOption = DEFAULT,
) -> None:
    """Measure what versions of the triage protocol make of labelled cases or of stored calls.

    Prints false-safes and review-as-safes with their 95% bounds, capture, review share, confusions, rates by language, note and
    rule, the delay added to calls that end with police, and each disagreement with its words marked.

    Exit code: 0, or 1 when a false-safe or a review-as-safe was found, or 2 when a file cannot be read (the line is named).
    """
    from services.evaluate.command import Wanted, run_evaluation
    from services.launcher import intake_dsn

    wanted = Wanted(
        files=files or (), protocols=protocol or (), stored_dsn=intake_dsn(Home(home), os.environ) if stored else None,
        jurisdiction=jurisdiction, limit=limit, what_if=answer_all_no, review_within=timedelta(seconds=review_seconds),
        brief=brief, json_file=json_file, html_file=html_file, page_file=page_file,
    )  # fmt: skip
    raise typer.Exit(run_evaluation(wanted, Console(markup=False), console))


@app.command("import-neighborhoods")
def import_neighborhoods(
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="The neighborhoods: a GeoJSON FeatureCollection of polygons."),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help="Other areas: kind=file, or kind:property=file to name what tells them apart. "
            "council_district=districts.geojson. Repeat for several."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be done and write nothing.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Name every finding.")] = False,
    home: HomeOption = DEFAULT,
) -> None:
    """Replace the neighborhoods, and other layers of areas, by a city's official boundaries: all of them at once."""
    from services.intake.commands.layers import import_files
    from services.intake.domain.layer_file import NEIGHBORHOODS
    from services.launcher import intake_dsn

    files: list[tuple[str, str | None, Path]] = [(NEIGHBORHOODS, None, file)] if file else []
    files += [_layer_option(given) for given in layer or ()]
    if not files:
        raise UsageError("Name a file of neighborhoods, or another layer: --layer council_district=districts.geojson")
    for done in asyncio.run(import_files(intake_dsn(Home(home), os.environ), files, dry_run=dry_run)):
        for line in done.lines(most=10**9 if show_all else 5):
            _say(line)
        what = "are in force now" if done.changed else "were in force already"
        if dry_run and done.changed:
            what = "would be put in force"
        _say(f"{done.areas} {done.kind} {what}, layer {done.version}")


def _layer_option(given: str) -> tuple[str, str | None, Path]:
    """Return kind, key and file of one `--layer`."""
    import re

    match = re.fullmatch(r"([a-z][a-z0-9_]{0,39})(?::([^=]{1,80}))?=(.+)", given)
    if match is None:
        raise UsageError(f"--layer {given}: write kind=file, such as council_district=districts.geojson")
    if not Path(match[3]).is_file():
        raise UsageError(f"--layer {given}: there is no file {match[3]}")
    return match[1], match[2], Path(match[3])


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def plans(context: typer.Context) -> None:
    """Check, diff, apply and export public safety plans as files."""
    from services.plans.command import app as run

    run(context.args, prog_name="commonground plans")


class Part(StrEnum):
    """What `openapi` can be asked for."""

    INTAKE = "intake"
    DISPATCH = "dispatch"
    TEAMS = "teams"


@app.command()
def openapi(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file is not up to date.")] = False,
) -> None:
    """Write the OpenAPI files of the three services to docs/openapi/."""
    from services.openapi_files import stale, write

    if not check:
        for path in write():
            _say(f"wrote {path}")
    elif old := stale():
        raise UsageError(f"Not up to date: {', '.join(old)}. Run `commonground openapi` and commit what it writes.")


@app.command()
def version() -> None:
    """Print the version of this code."""
    from services.openapi_files import code_version

    print(code_version())


def _say(line: str, style: str | None = None) -> None:
    """Print a line as it is on standard error: never wrapped, nothing in it taken for markup."""
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def main() -> int:
    """Run the command line; the exit code. What a user can mend is said in a line, without a traceback."""
    try:
        app()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except _mendable() as error:
        _say(f"commonground: {error}", style="red")
        return 1
    return 0


def _mendable() -> tuple[type[Exception], ...]:
    """Return the errors that a user can do something about. Called once something has failed, so imports are cheap."""
    import asyncpg
    from sqlalchemy.exc import SQLAlchemyError

    from services.child import ChildFailedError
    from services.embedded_postgres import NoBinariesError, PostgresFailedError
    from services.embedded_postgres.account import UnsafePlaceError
    from services.launcher import CannotStartError, GivingUpError
    from services.plans.command import PlansRefusedError
    from services.replay.endpoints import EndpointsInvalidError
    from services.starter_city.seed import SeedFailedError

    return (
        UsageError, WeakSecretError, AlreadyRunningError, NoBinariesError, PostgresFailedError, UnsafePlaceError,
        ChildFailedError, CannotStartError, GivingUpError, EndpointsInvalidError, SeedFailedError,
        PlansRefusedError,
        asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError, OSError, ValueError,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
