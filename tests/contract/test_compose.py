"""docker-compose.yml against the code it starts: names, ports, settings, health paths. No engine is needed."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.servers import SERVICES, login_role, servers
from services.system import PEERS

PORTS = {"intake": 8001, "dispatch": 8002, "teams": 8003}
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    path = Path(__file__).resolve().parent.parent.parent / "docker-compose.yml"
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    path = Path(__file__).resolve().parent.parent.parent / ".env.example"
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def filled(text: str, example: dict[str, str]) -> str:
    return VARIABLE.sub(lambda found: example[found[1]], text)


def test_it_starts_what_there_is_in_the_right_order(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "migrate", *SERVICES}
    assert compose["services"]["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for service in SERVICES:
        assert compose["services"][service]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }
        assert compose["services"][service]["command"] == ["python", "-m", f"services.{service}"]


def test_compose_v1_can_read_it(compose: dict[str, Any]) -> None:
    assert not {"name", "include"} & compose.keys()
    assert not any("develop" in service for service in compose["services"].values())


def test_nothing_of_ours_can_write_gain_rights_or_run_as_root(compose: dict[str, Any], repository: Path) -> None:
    for name in ("migrate", *SERVICES):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
    users = re.findall(r"^USER (\d+):(\d+)$", (repository / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert "0" not in users[-1]


def test_every_port_is_published_on_this_host_only(compose: dict[str, Any], example: dict[str, str]) -> None:
    assert "ports" not in compose["services"]["postgres"]
    for service, port in PORTS.items():
        assert [filled(text, example) for text in compose["services"][service]["ports"]] == [f"127.0.0.1:{port}:{port}"]


@pytest.mark.parametrize("service", SERVICES)
def test_each_variable_is_a_setting_of_the_service_and_its_settings_can_be_read(
    compose: dict[str, Any], example: dict[str, str], service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_class = import_module(f"services.{service}.settings").Settings
    prefix = f"{service.upper()}_"
    environment: dict[str, str] = compose["services"][service]["environment"]
    known = {prefix + name.upper() for name in settings_class.model_fields}
    assert set(environment) <= known
    required = {prefix + name.upper() for name, field in settings_class.model_fields.items() if field.is_required()}
    assert required <= set(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, filled(value, example))
    settings = settings_class()
    assert settings.port == PORTS[service]
    assert settings.host == "0.0.0.0"


@pytest.mark.parametrize("service", SERVICES)
def test_peers_are_reached_by_their_names_and_ports(compose: dict[str, Any], service: str) -> None:
    urls = {name: value for name, value in compose["services"][service]["environment"].items() if name.endswith("_URL")}
    assert set(urls) == {f"{service.upper()}_{peer.upper()}_URL" for peer in PEERS[service]}
    for name, url in urls.items():
        peer = name.removeprefix(f"{service.upper()}_").removesuffix("_URL").lower()
        assert url == f"http://{peer}:{PORTS[peer]}"


@pytest.mark.parametrize("service", SERVICES)
def test_the_health_check_asks_a_path_that_the_service_has(compose: dict[str, Any], service: str) -> None:
    code = compose["services"][service]["healthcheck"]["test"][-1]
    url = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", code)
    assert url is not None
    assert int(url[1]) == PORTS[service]
    paths = {getattr(route, "path", None) for route in health_routes()}
    assert url[2] in paths


def health_routes() -> list[Any]:
    from shared.health import health_router

    return list(health_router({}, {}).routes)


def test_the_migration_is_given_what_it_reads_and_each_service_the_same_password(
    compose: dict[str, Any], example: dict[str, str]
) -> None:
    given = {name: filled(value, example) for name, value in compose["services"]["migrate"]["environment"].items()}
    where = servers(given)
    for service in SERVICES:
        dsn = filled(compose["services"][service]["environment"][f"{service.upper()}_DATABASE_DSN"], example)
        assert where[service].login_dsn("", with_roles=True) == dsn
        assert login_role(service) in dsn


def test_the_example_has_every_variable_and_no_other(compose: dict[str, Any], example: dict[str, str]) -> None:
    used = {found[1] for found in VARIABLE.finditer(yaml.safe_dump(compose))}
    assert used == set(example)


def test_no_secret_has_a_default_and_every_example_of_one_says_change_me(
    compose: dict[str, Any], example: dict[str, str], walk: Callable[[Any], list[str]]
) -> None:
    secrets = {name for name in example if "PASSWORD" in name or "SECRET" in name}
    assert len(secrets) == 5
    for text in walk(compose):
        for found in VARIABLE.finditer(text):
            assert (found[1] in secrets) == (found[2] == "?")
    assert all(example[name].startswith("change-me") for name in secrets)
    assert len({example[name] for name in secrets}) == len(secrets)


@pytest.fixture(scope="module")
def walk() -> Callable[[Any], list[str]]:
    def texts(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for inner in value.values() for text in texts(inner)]
        if isinstance(value, list):
            return [text for inner in value for text in texts(inner)]
        return [value] if isinstance(value, str) else []

    return texts


def test_the_image_has_what_the_services_need_and_little_else(repository: Path) -> None:
    dockerfile = (repository / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE))
    allowed = {
        line.removeprefix("!")
        for line in (repository / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert {word for line in copied for word in line.split()} == allowed
    assert all((repository / name).exists() for name in allowed)
    assert "--require-hashes" in dockerfile
