"""Plans as files: what people write is read as they mean it, and every fault has its line."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from services.intake.commands.default_plan import DEFAULT_PLAN
from services.intake.domain.plan import default_plan
from services.intake.plan_files import LARGEST_FILE, PlanFileInvalid, read_default_plan, read_plan_file, read_plan_text
from services.intake.plan_model import BothLanguages, parse_plan, plan_body, plan_of, read_body
from services.plans.command import PlansRefusedError, check, file_text, read_all
from services.starter_city.cells import neighborhoods
from services.starter_city.roster import teams

PLANS = Path(str(files("services.starter_city"))) / "plans"
GOOD = """neighborhood: watts
approved_by: Council
plan:
  hours:
    mediator:
      - {opens: 08:00, closes: 22:00}
  assign_within_min: {1: 20}
  review_by: 2027-01-31
  languages: {preferred: [no, es]}
  notes: [a]
"""


def faults(text: str) -> list[str]:
    with pytest.raises(PlanFileInvalid) as refused:
        read_plan_text(text, "watts.yaml")
    return [str(fault) for fault in refused.value.faults]


def test_times_dates_numbers_and_words_are_what_people_mean() -> None:
    body = read_plan_text(GOOD, "watts.yaml").body
    assert body["hours"]["mediator"][0] == {"opens": "08:00", "closes": "22:00"}
    assert (body["assign_within_min"], body["review_by"]) == ({"1": 20}, "2027-01-31")
    assert body["languages"]["preferred"] == ["no", "es"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("22:00", "25:00", "watts.yaml:6: /plan/hours/mediator/0/closes: "),
        ("  notes: [a]", "  allow: {call_types: [242]}", "watts.yaml:10: /plan/allow: would widen what is safe"),
        ("  notes: [a]", "  notes: [a]\n  notes: [b]", "watts.yaml:11: /plan/notes: stands twice"),
        ("  notes: [a]", "  authors: [council]", "watts.yaml:2: /approved_by: is the only author"),
        ("watts\n", "The Watts\n", "watts.yaml:1: /neighborhood: "),
        ("{1: 20}", "{1: soon}", "watts.yaml:7: /plan/assign_within_min/1: "),
        ("{opens: 08:00, closes: 22:00}", "{opens: 08:00, closes: 22:00}\n      - {opens: 21:00, closes: 23:00}",
         "watts.yaml:7: /plan/hours/mediator/1: overlaps with /hours/mediator/0"),
        ("[a]", "[a", "watts.yaml:11: /: not YAML"),
    ],
)  # fmt: skip
def test_a_fault_names_its_line_and_its_place(old: str, new: str, fault: str) -> None:
    assert old in GOOD
    assert faults(GOOD.replace(old, new))[0].startswith(fault)


def test_a_file_that_is_no_plan_at_all_is_refused(tmp_path: Path) -> None:
    assert faults("")[0].startswith("watts.yaml")
    assert faults("[" * 5000)[0].startswith("watts.yaml")
    large = tmp_path / "large.yaml"
    large.write_text("#" * (LARGEST_FILE + 1))
    with pytest.raises(PlanFileInvalid, match=r"large.yaml: /: is over 256 KiB"):
        read_plan_file(large)


def test_a_file_that_cannot_be_read_is_one_fault_among_those_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(GOOD.replace("Council", "Peña").encode("latin-1"))
    (tmp_path / "b.yaml").mkdir()
    (tmp_path / "c.yaml").write_text("x: 1\n")
    with pytest.raises(PlansRefusedError, match=r"(?s)a.yaml: /: is not UTF-8.*b.yaml: /: cannot be read.*c.yaml"):
        read_all([tmp_path])


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD)
    (tmp_path / "c.yaml").write_text("x: 1\n")
    with pytest.raises(
        PlansRefusedError, match=r"(?s)c.yaml.*b.yaml:1: /neighborhood: watts has a plan in a.yaml already"
    ):
        read_all([tmp_path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(PlansRefusedError, match="no YAML file"):
        read_all([tmp_path / "empty"])


def test_the_plans_that_come_with_the_starter_city_are_sound_and_differ() -> None:
    written = {plan.neighborhood: plan for plan in read_all([PLANS])}
    slugs = {row.slug for row in neighborhoods()}
    assert set(written) <= slugs
    providers = {team.provider.name for team in teams()}
    for plan in written.values():
        assert set(plan.body.get("catchment") or ()) <= slugs
        assert set(plan.body.get("preferred_providers") or ()) <= providers
    steering = [parse_plan("x", 1, plan.body) for plan in written.values()]
    assert len({repr((p.orders, p.hours, p.exclude, p.review, p.assign_within)) for p in steering}) == 3


def test_the_default_plan_that_comes_with_the_code_steers_as_a_plan_that_says_nothing() -> None:
    default = read_default_plan(DEFAULT_PLAN)
    assert default.version == 1
    assert plan_of("x", 0, default.plan) == default_plan("x")
    assert isinstance(default.plan.summary, BothLanguages)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("version: 1", "version: 0", "city.yaml:4: /version: "),
        ("version: 1", "neighborhood: watts", "city.yaml:4: /neighborhood: "),
        ("authors: [", "authors: [City council] #", "city.yaml:5: /approved_by: is the only author"),
        ("  notes: []", "  allow: []", "/plan/allow: would widen what is safe"),
        ("  notes: []", "  catchment: [watts]", "/plan/catchment: is for a neighborhood's own plan"),
        ("  notes: []", "  preferred_providers: [A]", "/plan/preferred_providers: is for a neighborhood's own plan"),
    ],
)
def test_a_fault_of_the_default_plan_names_its_line(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = DEFAULT_PLAN.read_text()
    assert old in text
    path = tmp_path / "city.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(PlanFileInvalid) as refused:
        read_default_plan(path)
    assert fault in str(refused.value)
    assert all(found.line for found in refused.value.faults)


def test_what_is_in_force_is_written_as_a_file_that_says_the_same() -> None:
    for plan in read_all([PLANS]):
        body = plan_body(read_body(plan.body))
        text = file_text(plan.neighborhood, {"plan": body, "approved_by": plan.approved_by})
        again = read_plan_text(text, "again.yaml")
        assert plan_body(read_body(again.body)) == body
        assert again.approved_by == plan.approved_by


def test_the_published_schema_knows_every_field(repository: Path) -> None:
    schema = json.loads((repository / "docs" / "plan.schema.json").read_text())
    assert schema["required"] == ["neighborhood", "approved_by", "plan"]
    fields = schema["$defs"]["PlanBody"]["properties"]
    for plan in read_all([PLANS]):
        assert set(plan.body) <= set(fields)
    assert schema["$defs"]["PlanBody"]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("names", "says"),
    [(["watts"], "1 plan is sound: watts"), (["venice", "watts"], "2 plans are sound: venice, watts")],
)
def test_a_check_says_how_many_plans_are_sound(
    names: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in names:
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("watts", name))
    check([tmp_path])
    assert capsys.readouterr().err.strip() == says
