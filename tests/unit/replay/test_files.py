"""What a user may get wrong in a file is answered with the file, the line and the column; what is right is read exactly."""

import gzip
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from shapely.geometry import Point, shape

from services.replay.call_taker import CallTaker
from services.replay.calls import Selection, select_calls
from services.replay.mapping import load_mapping
from services.replay.script import load_script
from services.replay.yaml_file import FileFaultError
from services.starter_city.cells import feature_collection
from tests.shared_data import shared_data

MAPPING = """\
name: test
says: A test.
cad_system: test
event_id: id
time: {columns: [when], format: "%Y-%m-%d %H:%M"}
call_type: {code: code}
place: {by: beat, table: {"1": venice}}
"""
DATA = "id,when,code,beat\nA1,2026-01-01 10:00,415,1\nA2,2026-01-01 09:00,602,2\n"


def select(folder: Path, *, mapping: str = MAPPING, data: str = DATA, **options: object) -> Selection:
    (folder / "map.yaml").write_text(mapping)
    (folder / "calls.csv").write_text(data)
    read, path = load_mapping(str(folder / "map.yaml"))
    return select_calls(folder / "calls.csv", read, path, seed=1, **options)  # type: ignore[arg-type]


def fault(folder: Path, **files: str) -> str:
    with pytest.raises(FileFaultError) as raised:
        select(folder, **files)
    return str(raised.value).replace(str(folder) + "/", "")


def test_calls_come_in_order_of_time_with_code_and_place(tmp_path: Path) -> None:
    chosen = select(tmp_path)
    assert [call.key for call in chosen.calls] == ["A2", "A1"]
    first = chosen.calls[1].report
    assert first["call_type_code"] == "415"
    venice = next(f for f in feature_collection()["features"] if f["properties"]["slug"] == "venice")
    assert shape(venice["geometry"]).contains(Point(first["location"]["lon_deg"], first["location"]["lat_deg"]))


def test_the_same_seed_gives_the_same_calls_and_another_seed_other_places(tmp_path: Path) -> None:
    one, again = select(tmp_path), select(tmp_path)
    assert one.calls == again.calls
    read, path = load_mapping(str(tmp_path / "map.yaml"))
    assert select_calls(tmp_path / "calls.csv", read, path, seed=2).calls != one.calls


def test_a_gzipped_file_reads_the_same(tmp_path: Path) -> None:
    plain = select(tmp_path)
    (tmp_path / "calls.csv.gz").write_bytes(gzip.compress(DATA.encode()))
    read, path = load_mapping(str(tmp_path / "map.yaml"))
    assert select_calls(tmp_path / "calls.csv.gz", read, path, seed=1).calls == plain.calls


def test_an_unknown_field_of_a_mapping_is_named_with_line_and_column(tmp_path: Path) -> None:
    assert fault(tmp_path, mapping=MAPPING + "colour: red\n") == "map.yaml:8:9: colour: Extra inputs are not permitted"


def test_a_column_that_the_file_lacks_is_named_in_both_files(tmp_path: Path) -> None:
    said = fault(tmp_path, mapping=MAPPING.replace("code: code", "code: kode"))
    assert "map.yaml:6:19: call_type.code: calls.csv has no column 'kode'" in said
    assert "calls.csv:1: its columns are id, when, code, beat" in said


def test_broken_yaml_is_named_with_line_and_column(tmp_path: Path) -> None:
    assert fault(tmp_path, mapping=MAPPING + "skip: [\n").startswith("map.yaml:9:1: ")


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    assert fault(tmp_path, mapping=MAPPING + "name: other\n") == "map.yaml:8:1: 'name' stands twice"


def test_a_time_that_cannot_be_read_is_named_with_line_and_column(tmp_path: Path) -> None:
    said = fault(tmp_path, data=DATA.replace("2026-01-01 09:00", "yesterday"))
    assert said == "calls.csv:3: column 'when': 'yesterday' is not a time written '%Y-%m-%d %H:%M'"


def test_a_row_that_is_cut_short_is_named(tmp_path: Path) -> None:
    assert fault(tmp_path, data=DATA + "A3,2026-01-01 11:00\n").startswith(
        "calls.csv:4: column 'code': the row has 2 fields"
    )


def test_an_empty_event_id_is_named(tmp_path: Path) -> None:
    assert fault(tmp_path, data=DATA.replace("A2", "")).startswith("calls.csv:3: column 'id': is empty")


def test_an_event_in_two_rows_is_refused(tmp_path: Path) -> None:
    assert "event id 'A1' stands in several rows" in fault(tmp_path, data=DATA.replace("A2", "A1"))


def test_a_neighborhood_that_does_not_exist_is_named(tmp_path: Path) -> None:
    said = fault(tmp_path, mapping=MAPPING.replace("venice", "atlantis"))
    assert said.startswith("calls.csv:2: column 'beat': the mapping places '1' in 'atlantis'")


def test_a_profile_that_the_call_taker_lacks_is_named(tmp_path: Path) -> None:
    taker = 'call_taker: {name: los-angeles, by: code, table: {"415": quarrel}}\n'
    assert fault(tmp_path, mapping=MAPPING + taker).startswith("map.yaml:8:58: no profile 'quarrel'")


def test_a_mapping_that_is_not_shipped_names_those_that_are() -> None:
    with pytest.raises(FileFaultError, match="sample-shift, san-diego, san-francisco, ucsd"):
        load_mapping("san-jose")


def test_jsonl_faults_name_line_and_column(tmp_path: Path) -> None:
    mapping, path = load_mapping("sample-shift")
    data = tmp_path / "calls.jsonl"
    good = '{"event": "1", "at": "2026-01-01T10:00:00-08:00", "report": {}}\n'
    for text, said in (
        (good + '{"event": }\n', f"{data}:2:11: not JSON"),
        (good + "[]\n", f"{data}:2:1: not an object"),
        ('{"event": "1", "at": "2026-01-01T10:00:00-08:00"}\n', f"{data}:1: column 'report': is not an object"),
        (good[:-2] + ', "later": [{"do": "dance"}]}\n', f"{data}:1: column 'later/0/do': "),
    ):
        data.write_text(text)
        with pytest.raises(FileFaultError) as raised:
            select_calls(data, mapping, path, seed=1)
        assert str(raised.value).startswith(said)


def test_the_call_takers_shares_are_kept_and_add_up() -> None:
    taker = CallTaker.load("los-angeles")
    import random

    drawn = Counter(taker.take("noise", random.Random(n), spanish=0.3).scenario for n in range(4000))
    assert drawn["noise/music"] / 4000 == pytest.approx(0.70, abs=0.03)
    for profile in taker.profiles.values():
        assert sum(scenario.share for scenario in profile.scenarios) == pytest.approx(1)


def test_a_bare_yes_in_a_call_takers_answers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taker.yaml").write_text(
        "name: t\nsays: s\nprofiles:\n  p:\n    says: x\n    scenarios:\n"
        "      - {name: a, share: 1, could_go: true, answers: {weapons: no}}\n"
    )
    with pytest.raises(FileFaultError, match=r"taker\.yaml:7:\d+: .*answers\.weapons"):
        CallTaker.load(str(tmp_path / "taker.yaml"))


@pytest.mark.parametrize("name", ["drill", "calm"])
def test_the_scripts_that_we_ship_can_be_read(name: str) -> None:
    assert load_script(name).name == name


def test_san_diego_counts_are_those_of_the_datas_own_notes() -> None:
    data = shared_data("san-diego-police-cfs", "san_diego_cfs_2023-01-01_to_16.csv.gz")
    mapping, path = load_mapping("san-diego")
    chosen = select_calls(data, mapping, path, seed=1)
    assert len(chosen.calls) == 15_022
    drawn = Counter(call.report.get("call_type_code") for call in chosen.calls if call.scenario is None)
    assert drawn["417"] >= 83


def test_the_real_day_is_nine_hundred_seventy_four_calls_of_which_enough_could_go() -> None:
    data = shared_data("san-diego-police-cfs", "san_diego_cfs_2023-01-01_to_16.csv.gz")
    mapping, path = load_mapping("san-diego")
    chosen = select_calls(data, mapping, path, seed=1, on=date(2023, 1, 1))
    assert len(chosen.calls) == 974
    assert 200 <= sum(call.could_go for call in chosen.calls) <= 300
    assert (
        chosen.skipped["another day"] + sum(count for why, count in chosen.skipped.items() if why != "another day")
        == chosen.rows - 974
    )


@pytest.mark.parametrize(
    ("name", "parts", "calls"),
    [
        ("san-francisco", ("san-francisco-dispatched-calls", "sf_dispatched_calls_2025-09-19.csv.gz"), 715),
        ("ucsd", ("ucsd-police-call-summaries", "ucsd_calls_dev.csv.gz"), 2580),
    ],
)
def test_the_other_mappings_fit_their_files(name: str, parts: tuple[str, str], calls: int) -> None:
    mapping, path = load_mapping(name)
    chosen = select_calls(shared_data(*parts), mapping, path, seed=1, one_day=True)
    assert len(chosen.calls) == calls
    assert chosen.span.total_seconds() < 24 * 3600
    assert all(len(call.report.get("narrative", "")) < 16_000 for call in chosen.calls)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("name: a\x07b\n", "map.yaml"),
        ("name: &a [*a]\n", "map.yaml: "),
        ("name: t\nsays: 2026-13-45\n", "map.yaml: month must be"),
    ],
)
def test_yaml_that_is_none_is_a_fault_of_its_file(tmp_path: Path, mapping: str, said: str) -> None:
    assert fault(tmp_path, mapping=mapping).startswith(said)
