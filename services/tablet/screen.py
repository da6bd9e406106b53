"""The terminal tablet: one screen, one key a button. It shows what `Link` knows and presses what the crew presses; it decides nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from services.replay.clock import SystemClock
from services.tablet.briefing import briefing, headline
from services.tablet.crew_desk import CrewDesk
from services.tablet.link import Link
from services.tablet.presses import Item

KEYS: Final = {
    "accept": "a", "decline": "n", "depart": "d", "arrive": "r", "check_in": "c", "clear": "x", "escalate": "e",
    "acknowledge_recall": "k",
}  # fmt: skip
LABELS: Final = {
    "accept": "Accept", "decline": "No", "depart": "Depart", "arrive": "Arrived", "check_in": "Check in: all right",
    "clear": "Clear", "escalate": "Escalate", "acknowledge_recall": "Read: turning back",
}  # fmt: skip
OUTCOMES: Final = ("agreement", "calmed", "referred", "refused", "gone_on_arrival", "unfounded", "other")
NEEDS: Final = ("police", "ems", "fire")
REASONS: Final = (
    "crew_too_tired",
    "conflict_of_interest",
    "vehicle_trouble",
    "language_not_enough",
    "too_far",
    "other",
)


class Choose(ModalScreen[str | None]):
    """Asks for one of a few answers; Escape: none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back")]
    CSS = """
    Choose { align: center middle; }
    Choose > VerticalScroll { width: 60; height: auto; max-height: 80%; border: thick $accent; padding: 1 2; background: $surface; }
    """

    def __init__(self, question: str, answers: tuple[str, ...]) -> None:
        super().__init__()
        self._question = question
        self._answers = answers

    def compose(self) -> ComposeResult:
        """Lay out the question and its answers."""
        with VerticalScroll():
            yield Label(self._question)
            yield OptionList(*(Option(answer.replace("_", " "), id=answer) for answer in self._answers))

    def on_mount(self) -> None:
        """Let the arrow keys work at once."""
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the answer."""
        self.dismiss(event.option.id)


class TabletScreen(App[None]):
    """One team's tablet."""

    TITLE = "Common Ground"
    CSS = """
    #top { dock: top; height: 1; background: $primary; color: $text; }
    #headline { height: auto; padding: 1 2 0 2; }
    #body { padding: 0 2; height: 1fr; }
    #log { height: 4; border-top: solid $primary; padding: 0 1; }
    #keys { dock: bottom; height: auto; background: $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"act('{action}')", LABELS[action], show=False) for action, key in KEYS.items()),
        Binding("b", "read", "Briefing read", show=False),
        Binding("u", "duty", "Duty", show=False),
        Binding("exclamation_mark", "panic", "EMERGENCY", show=False, priority=True),
        Binding("q", "leave", "Quit", show=False),
    ]

    def __init__(self, link: Link, desk: CrewDesk, clock: SystemClock) -> None:
        super().__init__()
        self._link = link
        self._desk = desk
        self._clock = clock
        self._read: dict[str, str] = {}
        """When the briefing of an assignment was acknowledged."""
        self._rung: set[tuple[str, str]] = set()
        self._hint = ""

    def compose(self) -> ComposeResult:
        """Lay out the one screen."""
        yield Static(id="top")
        yield Static(id="headline")
        with VerticalScroll(id="body"):
            yield Static(id="briefing")
        yield Static(id="log")
        yield Static(id="keys")

    def on_mount(self) -> None:
        """Begin to follow dispatch, and redraw twice a second for the countdown."""
        self.run_worker(self._link.run(), name="link")
        self.run_worker(self._desk.follow(), name="desk")
        self.set_interval(0.5, self.redraw)
        self.redraw()

    @property
    def item(self) -> Item | None:
        """What is on the screen: the first of the list, and recalls are first."""
        return self._link.items[0] if self._link.items else None

    def redraw(self) -> None:
        """Show what the link knows now."""
        item = self.item
        self._ring(item)
        head = Text("Nothing to do.", style="dim") if item is None else headline(item, self._clock.now())
        parts = {
            "top": self._top(), "headline": head, "briefing": Text() if item is None else briefing(item),
            "log": self._below(), "keys": self._keys(item),
        }  # fmt: skip
        below = self.screen_stack[0]  # a question may stand in front of it
        if not below.query("#top"):
            return  # it is being closed
        for name, text in parts.items():
            below.query_one(f"#{name}", Static).update(text)

    def _ring(self, item: Item | None) -> None:
        if item is None or item["status"] not in {"offered", "withdrawing"}:
            return
        if (place := (item["id"], item["status"])) not in self._rung:
            self._rung.add(place)
            self.bell()

    def _top(self) -> Text:
        link = self._link
        text = Text(f" {self._desk.name}   {self._desk.words}   ")
        if link.stopped:
            text.append(link.stopped, style="bold white on red")
        elif link.link_lost:
            text.append(" STOP SHORT: LINK LOST ", style="bold white on red")
        elif link.connected:
            text.append("connected", style="green")
        else:
            text.append("no network", style="bold yellow")
        if link.alarms_unsent:
            text.append("  ALARM NOT YET RECEIVED", style="bold white on red")
        return text

    def _below(self) -> Text:
        text = Text()
        for press in self._link.presses:
            text.append(f"not sent yet: {press.action}  ", style="yellow")
        if self._hint:
            text.append(f"{self._hint}\n", style="bold yellow")
        elif len(self._link.presses):
            text.append("\n")
        for at, words in reversed(self._link.log[-3:]):
            text.append(f"{at.astimezone():%H:%M:%S} {words}\n", style="dim")
        return text

    def _keys(self, item: Item | None) -> Text:
        text = Text()
        if item is not None and item["id"] not in self._read:
            text.append(" B ", style="reverse bold")
            text.append(" Briefing read  ")
        for action in item["actions"] if item else ():
            text.append(f" {KEYS[action].upper()} ", style="reverse")
            text.append(f" {LABELS[action]}  ")
        text.append(" ! ", style="bold white on red")
        text.append(" EMERGENCY  ", style="bold red")
        text.append(" U ", style="reverse dim")
        text.append(" Duty  ", style="dim")
        text.append(" Q ", style="reverse dim")
        text.append(" Quit", style="dim")
        return text

    def action_read(self) -> None:
        """Note that the crew has read the briefing."""
        if (item := self.item) is not None:
            self._read[item["id"]] = self._clock.now().isoformat()
            self._hint = ""
            self.redraw()

    def action_act(self, action: str) -> None:
        """Press a button, if it is one of those shown."""
        item = self.item
        if item is None or action not in item["actions"]:
            return
        if any(press.action == action for press in self._link.unsent(item)):
            self._hint = f"{LABELS[action]} is pressed already; it is not sent yet."
        elif action == "accept" and item["id"] not in self._read:
            self._hint = "Read the briefing, then press B; then accept."
        else:
            self._hint = ""
            self._ask(item, action)
        self.redraw()

    def _ask(self, item: Item, action: str) -> None:
        def chosen(name: str) -> Callable[[str | None], None]:
            def press(answer: str | None) -> None:
                if answer is not None:
                    self._link.press(item, action, **{name: answer})
                    self.redraw()

            return press

        if action == "decline":
            self.push_screen(Choose("Why not?", REASONS), chosen("reason"))
        elif action == "escalate":
            self.push_screen(Choose("Who is needed?", NEEDS), chosen("needs"))
        elif action == "clear" and item["status"] == "on_scene":
            self.push_screen(Choose("How did it end?", OUTCOMES), chosen("outcome"))
        elif action == "accept":
            self._link.press(item, action, note=f"Briefing read at {self._read[item['id']]}")
        else:
            self._link.press(item, action)

    def action_panic(self) -> None:
        """Sound the alarm at once: no question asked."""
        self._link.panic(**self._desk.position)
        self.redraw()

    def action_duty(self) -> None:
        """Ask what the crew says about itself, and say it."""

        def chosen(answer: str | None) -> None:
            if answer is not None:
                self.run_worker(self._say(answer))

        self.push_screen(Choose("Duty", ("available", "break_30_min", "out_of_service", "off_duty")), chosen)

    async def _say(self, answer: str) -> None:
        until = self._clock.now() + timedelta(minutes=30) if answer == "break_30_min" else None
        self._hint = await self._desk.say("break" if until else answer, until) or ""
        self.redraw()

    def action_leave(self) -> None:
        """Quit, unless the crew has work: a closed tablet cannot be recalled."""
        if self._link.items and not self._hint.startswith("You have work"):
            self._hint = "You have work: a closed tablet cannot be recalled. Press Q again to quit."
            self.redraw()
        else:
            self.exit()
