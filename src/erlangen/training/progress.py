"""What a run shows: a line for each phase, then a bar with the loss and the validation error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from erlangen.training.loop import History


class Progress:
    """Progress on standard error; silent if ``shown`` is false."""

    def __init__(self, shown: bool, n_structures: int) -> None:
        self.shown, self.n_structures = shown, n_structures
        self.console = Console(stderr=True, quiet=not shown)
        self.bars = Bars(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn(),
            TimeRemainingColumn(), TextColumn("{task.fields[note]}"), console=self.console, transient=True,
            disable=not shown or not self.console.is_terminal, refresh_per_second=4,  # a file gets the lines alone
        )  # fmt: skip
        self.training = None
        self.average = None

    def __enter__(self) -> "Progress":
        self.bars.start()
        return self

    def __exit__(self, *error) -> None:
        self.bars.stop()

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self.console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)

    @contextmanager
    def phase(self, name: str, shares: bool = False) -> Iterator[Callable[[float], None]]:
        """Show a phase while it lasts; its share is told to the function it yields."""
        task = self.bars.add_task(name, total=1.0 if shares else None, note="")
        try:
            yield lambda share: self.bars.update(task, completed=share)
        finally:
            seconds = self.bars.tasks[self.bars.task_ids.index(task)].elapsed or 0.0
            self.bars.remove_task(task)
        self.say(f"{name}: {self.n_structures:,} structures, {seconds:.1f} s")

    def step(self, history: History, share: float) -> None:
        """Show a step."""
        loss = history.losses[-1]
        self.average = loss if self.average is None else 0.98 * self.average + 0.02 * loss
        if not self.shown or (history.steps % 10 and share < 1):
            return
        if self.training is None:
            self.training = self.bars.add_task("training", total=1.0, note="")
        note = f"step {history.steps:,}  loss {self.average:.4f}"
        if history.validation:
            note += f"  validation error {history.validation[-1][2]:.4g}"
        self.bars.update(self.training, completed=share, note=note)
