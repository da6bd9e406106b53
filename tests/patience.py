"""How long a test waits for what a busy machine may do late."""

import time


class Patience:
    """So many seconds to wait, of which a machine that stands still takes nearly none.

    Between two looks at most `look_s` is counted: whoever looks often, and was kept from looking, has not waited. What is
    waited for was kept from happening just as well.
    """

    def __init__(self, within_s: float, *, look_s: float = 0.25) -> None:
        self.within_s = within_s
        self.waited_s = 0.0
        self._look_s = look_s
        self._looked = time.monotonic()

    def is_over(self) -> bool:
        """Count the time since the last look, and say whether all of it is used up."""
        now = time.monotonic()
        self.waited_s += min(now - self._looked, self._look_s)
        self._looked = now
        return self.waited_s > self.within_s
