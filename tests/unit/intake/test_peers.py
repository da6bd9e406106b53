"""Teams, as intake asks it."""

from typing import Any
from uuid import UUID

import pytest

from services.intake.peers import Dispatch, DispatchRefused, PeerSilentError, Teams
from services.intake.store.wishes import WishToSend
from shared.peer import Reply

IDS = [f"0193576e-0000-7000-8000-{number:012d}" for number in range(3)]


class Pages:
    """A teams that gives one answer after the other."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.paths: list[str] = []

    async def request(self, _method: str, path: str, **_more: Any) -> Reply:
        self.paths.append(path)
        return self.replies.pop(0)


def page(*rows: tuple[str, str], after: str | None = None) -> Reply:
    return Reply(200, {"items": [{"id": i, "name": name, "kind": "city"} for i, name in rows], "next": after})


def asking(pages: Pages) -> Teams:
    return Teams(pages)  # type: ignore[arg-type]  # answers the same question


async def test_every_page_of_providers_is_read_by_name_and_id() -> None:
    pages = Pages(page((IDS[0], "A"), after="a=&b"), page((IDS[1], "B")))
    assert await asking(pages).providers() == {"A", "B", IDS[0], IDS[1]}
    assert pages.paths[1].endswith("&cursor=a%3D%26b")


@pytest.mark.parametrize("reply", [Reply(500, None), Reply(403, {"items": [], "next": None}), Reply(200, {"items": 1})])
async def test_an_answer_that_cannot_be_used_is_none(reply: Reply) -> None:
    with pytest.raises(PeerSilentError):
        await asking(Pages(reply)).providers()


async def test_a_list_without_an_end_is_no_answer() -> None:
    with pytest.raises(PeerSilentError):
        await asking(Pages(*[page((IDS[0], "A"), after="x")] * 60)).providers()


@pytest.mark.parametrize(
    ("reply", "status"), [(Reply(413, {}), 413), (Reply(503, None), 503), (Reply(200, {"a": 1}), None)]
)
async def test_a_refusal_of_dispatch_has_its_status(reply: Reply, status: int | None) -> None:
    dispatch = Dispatch(Pages(reply))  # type: ignore[arg-type]  # answers the same question
    wish = WishToSend(UUID(IDS[0]), 1, "withdrawn", False, False, "cancelled", None, 0, 0)
    with pytest.raises(DispatchRefused) as refused:
        await dispatch.put_wish(wish)
    assert refused.value.status == status
