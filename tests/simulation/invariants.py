"""What must be true after every step: a recount of everything, from scratch."""

from math import inf
from typing import TYPE_CHECKING, Any, NoReturn

from ragflow.core.states import RunState, TaskState
from ragflow.scheduling.transitions.commands import Answer, Command, Commit, Open
from ragflow.scheduling.transitions.events import Arrived, Asked, Died, Event
from ragflow.scheduling.transitions.policy import DEATHS, SLOTS
from ragflow.scheduling.transitions.room import has_room
from ragflow.scheduling.transitions.state import LOAD, OwnerRun, Phase, State, TaskCount
from ragflow.scheduling.transitions.step import is_over

if TYPE_CHECKING:
    from tests.simulation.shell import Shell

#: What states of tasks say: what each waits for, how many are not over, which are asked for,
#: and which wait for calls.
Counted = tuple[list[int], int, tuple[int, ...], tuple[int, ...]]
#: An owner one step ago: its round, the states of its tasks, and what these say.
Seen = tuple[int, list[TaskState], Counted]

_READY, _RUNNING, _RETRYING = TaskState.READY, TaskState.RUNNING, TaskState.RETRYING
_LOADING, _PLACING = Phase.LOADING, Phase.PLACING
_WALKING, _FINISHED = Phase.WALKING, Phase.FINISHED
_SLACK = 1e-6
#: Times a batch may be halved until a call is alone.
_HALVINGS = 6


class Violation(AssertionError):  # noqa: N818 - what is violated is no error of the simulator
    """Something is true that must not be, or the other way round."""


class Watch:
    """Looks at one life of the core after each of its steps."""

    def __init__(self, shell: "Shell") -> None:
        self.shell = shell
        state = shell.state
        tasks = state.policy.tasks
        self.above = [task.above for task in tasks]
        self.zeros = [0] * len(tasks)
        self.attempts = {n: task.retry.attempts for n, task in enumerate(tasks)}
        self.needs = {n: tuple(task.needs.items()) for n, task in enumerate(tasks)}
        load = state.policy.load
        assert load is not None
        self.attempts[LOAD] = load.retry.attempts
        self.needs[LOAD] = tuple(load.needs.items())
        self.known: dict[tuple[int, ...], Counted] = {}
        self.earlier: dict[int, Seen] = {}
        self.opened: dict[Any, int] = {}
        self.counts = [TaskCount() for _ in range(len(tasks) + 1)]
        self.failed_owners = 0
        #: Calls that a dead scheduler left, until one of them is known to be harmless to it.
        self.told_suspects: dict[str, None] = {}
        self.places: dict[Any, TaskState] = {}
        self.tokens = {name: (rate.burst, state.now) for name, rate in state.policy.rates.items()}

    def require(self, holds: object, what: str) -> None:
        if not holds:
            self.fail(what)

    def fail(self, what: str) -> NoReturn:
        raise Violation(what)

    def digest(self) -> str:
        """Return everything a stale event must leave as it is."""
        state = self.shell.state
        policy, now, dropped, stopped = state.policy, state.now, state.dropped, state.stopped
        state.policy = state.now = state.dropped = None  # type: ignore[assignment]
        # What was stopped is forgotten by the next turn in any case.
        state.stopped = {}
        found = repr(state)
        state.policy, state.now, state.dropped, state.stopped = policy, now, dropped, stopped
        return found

    # --- Around a step ------------------------------------------------------------------------

    def before(self, event: Event) -> None:
        """Count what an event tells, if anybody still waits for it."""
        kind = type(event)
        if kind is Asked:
            owner = self.shell.state.owners.get(event.owner)  # type: ignore[union-attr]
            if owner is not None and owner.round == event.round:  # type: ignore[union-attr]
                count = self.counts[event.task]  # type: ignore[union-attr]
                count.memoized += event.memoized  # type: ignore[union-attr]
                count.skipped += event.skipped  # type: ignore[union-attr]
                count.blocked += event.blocked  # type: ignore[union-attr]
                count.failed += event.failed  # type: ignore[union-attr]
        elif kind is Arrived and event.owner in self.shell.state.owners:  # type: ignore[union-attr]
            self.failed_owners += event.has_failed  # type: ignore[union-attr]
        elif kind is Died:
            held = self.shell.state.assignments.get(event.assignment)  # type: ignore[union-attr]
            if held is not None and len(held.keys) == 1:
                self.told_suspects.pop(held.keys[0], None)  # type: ignore[call-overload]

    def after(self, event: Event, commands: list[Command]) -> None:
        """Look at everything."""
        state = self.shell.state
        for command in commands:
            kind = type(command)
            if kind is Open:
                self._opened(state, command)  # type: ignore[arg-type]
            elif kind is Answer:
                self._answered(command)  # type: ignore[arg-type]
            elif kind is Commit:
                self._fills(state, command.owners[:-1])  # type: ignore[union-attr]
        self.places = self._places(state)
        left = self._calls(state, self.places)
        self._owners(state, left)
        self._held(state)
        if state.counts != self.counts:
            self.fail(f"counts are {state.counts} and not {self.counts}")
        if state.failed_owners != self.failed_owners:
            self.fail("failed owners are miscounted")

    def _opened(self, state: State, command: Open) -> None:
        task = command.task
        policy = state.task(task)
        most = self.attempts[task] + DEATHS + _HALVINGS
        for key in command.keys:
            count = self.opened[key] = self.opened.get(key, 0) + 1
            if count > most:
                self.fail(f"{key} was begun {count} times")
        for name in policy.rates:
            rate = state.policy.rates[name]
            tokens, at = self.tokens[name]
            tokens = min(rate.burst, tokens + (state.now - at) * rate.per_second) - 1
            if tokens < -_SLACK:
                self.fail(f"the rate {name} is not kept")
            self.tokens[name] = (tokens, state.now)
        if any(key in self.told_suspects for key in command.keys):
            self.require(command.is_alone, "a suspect is in company")

    def _fills(self, state: State, owners: tuple[int, ...]) -> None:
        """Hold a portion to its size: without its last owner it is not full."""
        rows = sum(state.owners[number].rows for number in owners)
        self.require(max(len(owners), rows) < state.policy.portion, "a portion is too large")

    def _answered(self, command: Answer) -> None:
        self.opened.pop(command.key, None)
        if isinstance(command.key, str):
            self.told_suspects.pop(command.key, None)
        if command.reason in ("queue", "total") and self.shell.state.phase is RunState.PAUSED:
            was = self.places.get(command.key)
            self.require(was is _RUNNING, "a call that waits is late in a pause")
        became, first = command.state, True
        if isinstance(command.key, tuple):
            return
        # One that was given up as soon as it was asked for is known only by who asked.
        task = self.task_of.get(command.key)
        if task is None:
            task = command.waiters[0][2]
        if became is TaskState.SUCCEEDED:
            self.counts[task].succeeded += 1
        for waiter in command.waiters:
            count = self.counts[waiter[2]]
            if became is TaskState.SUCCEEDED:
                if first and waiter[2] == task:
                    first = False
                else:
                    count.memoized += 1
            elif became is TaskState.SKIPPED:
                count.skipped += 1
            elif became is TaskState.FAILED:
                count.failed += 1
            else:
                count.cancelled += 1

    # --- Calls --------------------------------------------------------------------------------

    def _places(self, state: State) -> dict[Any, TaskState]:
        """Return every call with the state its one place stands for."""
        places: dict[Any, TaskState] = {}
        calls = state.calls
        found = self._queued(state, places) + len(state.suspects)
        for key in state.suspects:
            places[key] = _READY
        for instant, _, retried in state.retries:
            for key in retried:
                call = calls.get(key)
                if call is not None and call.state is _RETRYING and call.due == instant:
                    places[key] = _RETRYING
                    found += 1
        for assignment in state.assignments.values():
            found += len(assignment.keys)
            for key in assignment.keys:
                places[key] = _RUNNING
        self.require(found == len(places), "a call is in two places")
        self.require(len(places) == len(calls), "a call is nowhere, or none any more")
        return places

    def _queued(self, state: State, places: dict[Any, TaskState]) -> int:
        """Put what waits for a slot in its place; return how many that is."""
        found = waiting = 0
        last = len(state.queues) - 1
        for number, queue in enumerate(state.queues):
            if not queue.bound and not queue.loose:
                if queue.cost:
                    self.fail("an empty queue costs something")
                continue
            waiting += 1
            if (LOAD if number == last else number) not in state.waiting_tasks:
                self.fail(f"nobody knows that task {number} waits")
            cost = 0.0
            for key in queue.loose:
                places[key] = _READY
                cost += state.calls[key].cost
            found += len(queue.loose)
            for unit in queue.bound:
                found += len(unit)
                for key in unit:
                    places[key] = _READY
            if abs(cost - queue.cost) > _SLACK:
                self.fail("the cost of a queue is miscounted")
        self.require(waiting == len(state.waiting_tasks), "an empty queue waits")
        return found

    def _calls(self, state: State, places: dict[Any, TaskState]) -> dict[int, list[int]]:
        """Look at every call; return the calls not answered, by owner and task."""
        left: dict[int, list[int]] = {}
        owners = state.owners
        attempts, zeros = self.attempts, self.zeros
        task_of: dict[Any, int] = {}
        for key, call in state.calls.items():
            if places.get(key) is not call.state:
                self.fail(f"{key} is {call.state}, and not where it should be")
            task_of[key] = task = call.task
            if call.attempts >= attempts[task]:
                self.fail(f"{key} was tried too often")
            if call.deaths:
                self._deaths(key, call.deaths)
            for number, round_, waits, _part in call.waiters:
                owner = owners.get(number)
                if owner is not None and owner.round == round_:
                    if waits == LOAD:
                        if owner.phase is not _LOADING:
                            self.fail("a load is not waited for")
                        left[number] = zeros
                        continue
                    counts = left.get(number)
                    if counts is None:
                        counts = left[number] = zeros.copy()
                    counts[waits] += 1
        #: What each call is of, for its answer in the next step.
        self.task_of = task_of
        return left

    #: Of each call that is not over, its task, as of the last step.
    task_of: dict[Any, int] = {}  # noqa: RUF012 - replaced, never changed

    def _deaths(self, key: Any, deaths: int) -> None:
        name = self.shell.loads.get(key, "") if isinstance(key, tuple) else key
        if not name:
            return
        world = self.shell.world
        known = world.died_alone.get(name, 0)
        if deaths >= DEATHS or deaths > known:
            self.fail(f"{name} counts {deaths} deaths of {known}")

    # --- Owners -------------------------------------------------------------------------------

    def _owners(self, state: State, left: dict[int, list[int]]) -> None:
        """Look at every owner and add up what they come to."""
        on_way = weight = asking = finished = 0
        owed, earlier, zeros = self.shell.owed, self.earlier, self.zeros
        for number, owner in state.owners.items():
            before = earlier.get(number)
            if before is None or owner.states != before[1] or owner.round != before[0]:
                before = self._moved(owner, before)
            waiting, open_, asked, _ = before[2]
            if owner.waiting != waiting or owner.open != open_:
                self.fail(f"readiness of {number} is miscounted")
            phase = owner.phase
            if phase is _FINISHED:
                finished += 1
                continue
            on_way += 1
            weight += owner.weight
            if phase is _WALKING:
                asking += len(asked)
                self._walks(owner, before[2], left.get(number, zeros))
            elif phase is _LOADING:
                if number not in left:
                    self.fail(f"{number} waits for a load that is not under way")
            else:
                asking += 1
                if ("place" if phase is _PLACING else "arrive", number) not in owed:
                    self.fail(f"{number} waits for nothing")
        if (on_way, weight, asking) != (state.on_way, state.weight, state.asking):
            found = f"on_way {state.on_way}, weight {state.weight}, asking {state.asking}"
            self.fail(f"{found}: counted {on_way}, {weight}, {asking}")
        self._finished(state, finished)

    def _walks(self, owner: OwnerRun, known: Counted, counted: list[int]) -> None:
        _, open_, asked, ready = known
        if owner.left != counted or not open_:
            self.fail(f"{owner.number} has {owner.left} left of {open_}, counted {counted}")
        for task in asked:
            if (owner.number, owner.round, task) not in self.shell.owed:
                self.fail(f"task {task} of {owner.number} waits for nothing")
        for task in ready:
            if not counted[task]:
                self.fail(f"task {task} of {owner.number} waits for no call")

    def _moved(self, owner: OwnerRun, before: Seen | None) -> Seen:
        """Work out what changed states say of the counters; each once, for all owners."""
        if before is not None and before[0] == owner.round:
            for was, now in zip(before[1], owner.states, strict=True):
                self.require(was is now or not was.is_over, "what was over is not any more")
        known = self.known.get(tuple(map(id, owner.states)))
        if known is None:
            known = self._count(owner.states)
            self.known[tuple(map(id, owner.states))] = known
        seen = self.earlier[owner.number] = (owner.round, owner.states.copy(), known)
        return seen

    def _count(self, states: list[TaskState]) -> Counted:
        waiting = [sum(not states[above].is_over for above in each) for each in self.above]
        tasks = range(len(states))
        asked = tuple(n for n in tasks if not waiting[n] and states[n] is TaskState.PENDING)
        ready = tuple(n for n in tasks if states[n] is TaskState.READY)
        return waiting, sum(not state.is_over for state in states), asked, ready

    def _finished(self, state: State, finished: int) -> None:
        owners = [*state.finished, *(n for p in state.portions.values() for n in p.owners)]
        self.require(len(set(owners)) == len(owners) == finished, "a finished owner is stranded")
        rows = 0
        for number in state.finished:
            owner = state.owners[number]
            if owner.phase is not _FINISHED:
                self.fail(f"{number} is not finished")
            rows += owner.rows
        self.require(rows == state.finished_rows, "finished rows are miscounted")
        self.require(len(state.portions) <= state.policy.portions, "too many portions")

    # --- Resources ----------------------------------------------------------------------------

    def _held(self, state: State) -> None:
        use: dict[str, float] = {}
        for assignment in state.assignments.values():
            if assignment.is_alone:
                self.require(len(state.assignments) == 1, "a suspect is in company")
            for name, amount in self.needs[assignment.task]:
                use[name] = use.get(name, 0.0) + amount
        fenced = {number: held.task for number, held in self.shell.fenced.items()}
        self.require(state.fenced == fenced, "what could not be stopped is not known")
        for task in fenced.values():
            for name, amount in self.needs[task]:
                if not name.startswith(SLOTS):
                    use[name] = use.get(name, 0.0) + amount
        limits = state.policy.limits
        for name, amount in use.items():
            if amount > limits.get(name, inf) + _SLACK:
                self.fail(f"{amount} of {name} is in use")

    def not_stranded(self, instant: float | None) -> None:
        """After a turn: something is under way, or an instant is known at which to go on."""
        state, shell = self.shell.state, self.shell
        if instant is not None:
            is_due = instant > state.now or state.stopped
            self.require(is_due, "a turn left undone what was due")
            return
        if is_over(state) or state.phase is RunState.PAUSED:
            return
        is_fed = bool(shell.to_come or not state.is_exhausted) and has_room(state)
        held = state.assignments or state.fenced or state.portions or shell.owed or shell.inbox
        self.require(held or is_fed, "nothing will ever happen to what is not over")
