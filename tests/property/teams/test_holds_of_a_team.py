"""Any sequence of holds, releases and duty changes over HTTP answers as a few lines of Python say it must."""

from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.auth import Role
from tests.contract.teams.conftest import Api

SLOTS = range(3)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.sampled_from(SLOTS)),
        st.tuples(st.just("restore"), st.sampled_from(SLOTS)),
        st.tuples(st.just("release"), st.sampled_from(SLOTS)),
        st.tuples(st.just("duty"), st.sampled_from(["available", "break", "out_of_service", "off_duty"])),
    ),
    max_size=14,
)


class Model:
    """What must be true, without a database."""

    def __init__(self) -> None:
        self.duty = "available"
        self.live: int | None = None
        self.released: set[int] = set()

    def expect(self, kind: str, argument: Any) -> int:
        """Return the status that the request must get, having changed the model as it would."""
        if kind == "duty":
            return self._duty(argument)
        if kind == "release":
            self.released.add(argument)
            self.live = None if self.live == argument else self.live
            return 200
        if self.live == argument:
            return 200
        free = self.live is None and argument not in self.released
        if not free or (kind == "hold" and self.duty != "available"):
            return 409
        self.live = argument
        return 200

    def _duty(self, wanted: str) -> int:
        if self.live is not None and wanted in {"break", "off_duty"}:
            return 409
        if (self.duty, wanted) == ("off_duty", "break"):
            return 409
        self.duty = wanted
        return 200


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations)
async def test_every_answer_is_the_models_and_so_is_the_end(api: Api, sequence: list[tuple[str, Any]]) -> None:
    team_id, incident_id, model = await api.team_on_duty(), uuid4(), Model()
    ids: list[UUID] = [uuid4() for _ in SLOTS]
    for kind, argument in sequence:
        if kind == "duty":
            body = {"status": argument, **({"crew": ["a", "b"]} if argument != "off_duty" else {})}
            answer = await api("PUT", f"/v1/teams/{team_id}/duty", json=body, role=Role.TEAM, team_id=team_id)
        elif kind == "release":
            answer = await api.release(ids[argument])
        else:
            options = {"restore": True} if kind == "restore" else {}
            answer = await api.hold(team_id, ids[argument], incident_id=incident_id, **options)
        assert answer.status_code == model.expect(kind, argument), answer.text
    entry = await api.availability(team_id)
    expected = None if model.live is None else str(ids[model.live])
    assert (entry["hold"] and entry["hold"]["assignment_id"]) == expected
    assert entry["offerable"] is (model.live is None and model.duty == "available")
