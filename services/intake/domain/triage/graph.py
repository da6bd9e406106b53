"""The phrases of a lexicon as a graph: places in phrases, and what leads from one to the next.

Places are numbers and so is all that is kept of them. Python's garbage collector follows no numbers: a hundred thousand
objects in their stead would stop a decision for half a second whenever it looks through them.
"""


class Graph:
    """Built once, phrase by phrase, then only read."""

    def __init__(self) -> None:
        self.edges: dict[int, dict[int, int]] = {}
        """By place: where a word of each symbol leads."""
        self.any: dict[int, int] = {}
        """Where any one word leads."""
        self.others: dict[int, dict[int, int]] = {}
        """Where a word leads that has not this symbol."""
        self.at_end: dict[int, int] = {}
        """Where one stands too when the breath ends here."""
        self.gaps: dict[int, dict[int, int]] = {}
        """By width: where up to so many words lead."""
        self.owners: dict[int, tuple[int, ...]] = {}
        """Whose phrases end here."""
        self._places = 0
        self.root = self._place()

    def edge(self, place: int, symbol: int) -> int:
        return self._beyond(self.edges.setdefault(place, {}), symbol)

    def any_word(self, place: int) -> int:
        return self._beyond(self.any, place)

    def other(self, place: int, symbol: int) -> int:
        return self._beyond(self.others.setdefault(place, {}), symbol)

    def end(self, place: int) -> int:
        return self._beyond(self.at_end, place)

    def gap(self, place: int, width: int) -> int:
        return self._beyond(self.gaps.setdefault(place, {}), width)

    def own(self, place: int, owner: int) -> None:
        owners = self.owners.get(place, ())
        if owner not in owners:
            self.owners[place] = (*owners, owner)

    def _beyond(self, ways: dict[int, int], key: int) -> int:
        if (found := ways.get(key)) is None:
            found = ways[key] = self._place()
        return found

    def _place(self) -> int:
        self._places += 1
        return self._places
