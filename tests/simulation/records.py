"""What a shell knows of an owner on its way."""

from dataclasses import dataclass, field

from ragflow.core.states import TaskState
from tests.simulation.plan import Key


@dataclass(slots=True)
class Record:
    """One owner: what it holds and what became of its parts so far, counted anew by the shell."""

    token: int
    tasks: int
    content: int | None = None
    round: int = 0
    is_deletion: bool = False
    asked: list[bool] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    #: Whether some part of a task failed or was blocked.
    has_failed: list[bool] = field(default_factory=list)
    causes: set[str] = field(default_factory=set)
    killers: list[Key] = field(default_factory=list)
    made: list[tuple[int, Key]] = field(default_factory=list)

    def begin(self) -> None:
        """Forget what was found: the owner is walked, or walked anew."""
        self.asked = [False] * self.tasks
        self.left = [0] * self.tasks
        self.has_failed = [False] * self.tasks
        self.causes, self.killers, self.made = set(), [], []

    def answered(self, task: int, part: int, state: TaskState, cause: str | None, key: Key) -> None:
        """Take the answer of one call."""
        del part
        self.left[task] -= 1
        if state is TaskState.SUCCEEDED:
            self.made.append((task, key))
        elif state is not TaskState.SKIPPED:
            self.failed(task, cause or "time", key)

    def failed(self, task: int, cause: str, key: Key) -> None:
        """Record that a part failed."""
        self.has_failed[task] = True
        self.causes.add(cause)
        if cause == "deaths":
            self.killers.append(key)
