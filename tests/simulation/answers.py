"""What a shell answers the core: listing, walking and arriving."""

from typing import TYPE_CHECKING

from ragflow.core.retry import FaultKind
from ragflow.core.rules import Rule
from ragflow.core.states import TaskState
from ragflow.scheduling.transitions.commands import Answer
from ragflow.scheduling.transitions.events import (
    Arrived,
    Asked,
    Begin,
    Entered,
    Exhausted,
    Placed,
    Restarted,
)
from ragflow.scheduling.transitions.policy import DEATHS
from ragflow.scheduling.transitions.room import has_room
from tests.simulation.home import Done
from tests.simulation.oracle import rows_of
from tests.simulation.plan import Key
from tests.simulation.records import Record

if TYPE_CHECKING:
    from tests.simulation.shell import Shell


def listing(shell: "Shell") -> list[tuple[int, int | None]]:
    """Return what is not unchanged, last first: owners with their tokens, then what is gone."""
    home, contents = shell.home, shell.world.contents
    due: list[tuple[int, int | None]] = [
        (owner, content) for owner, content in contents.items() if _is_due(shell, owner, content)
    ]
    shell.rng.shuffle(due)
    known = dict.fromkeys([*home.seen, *home.done, *home.held, *home.intents])
    due += [(owner, None) for owner in known if owner not in contents]
    due.reverse()
    return due


def _is_due(shell: "Shell", owner: int, content: int) -> bool:
    home = shell.home
    done = home.done.get(owner)
    # What was being written when a scheduler died may lie in the target beside what is held.
    if done is None or done.tried != content or owner in home.intents:
        return True
    if "deaths" in done.causes:
        return all(home.deaths.get(key, 0) < DEATHS for key in done.killers)
    return "time" in done.causes


def feed(shell: "Shell") -> None:
    """Let owners enter while there is room for them."""
    most = 100 if shell.plan.is_prompt else 2
    while has_room(shell.state) and most and not shell.is_dead:
        most -= 1
        now = shell.world.clock()
        if not shell.to_come:
            shell.tell(Exhausted(now))
            return
        owner, token = shell.to_come.pop()
        record = Record(-1 if token is None else token, len(shell.plan.policy.tasks))
        record.begin()
        shell.records[owner] = record
        weight = shell.plan.weights[owner]
        if token is None:
            record.is_deletion = True
            shell.served[owner] = (None, None)
            shell.tell(Entered(now, owner, 0, Begin.FINISH))
        elif shell.home.seen.get(owner) == token and shell.rng.random() < 0.7:
            record.content = token
            shell.tell(Entered(now, owner, weight, Begin.WALK))
        else:
            suspect = known_deaths(shell, f"load:{token}")
            shell.tell(Entered(now, owner, weight, Begin.LOAD, suspect))


def known_deaths(shell: "Shell", key: Key) -> int | None:
    """Return the deaths alone of a call that was open when something died; None if it was not."""
    home = shell.home
    if key not in home.suspects and key not in home.deaths and key not in shell.deaths:
        return None
    return max(home.deaths.get(key, 0), shell.deaths.get(key, 0))


def cause(shell: "Shell", key: Key, reason: str | None) -> str:
    """Return what would release a call that failed."""
    if reason == "deaths":
        return "deaths"
    if reason is not None:
        return "time"
    fault = shell.faults[key]
    return "time" if fault.is_tried_later or fault.kind is FaultKind.TIMEOUT else "content"


def loaded(shell: "Shell", answer: Answer) -> None:
    """Take what came of a load."""
    for owner, _round, _task, _part in answer.waiters:
        record = shell.records[owner]
        key = f"load:{record.token}"
        if answer.state is TaskState.SUCCEEDED:
            shell.pending.append(("cleared", key))
            shell.deaths.pop(key, None)
            record.content = shell.read[owner]
        else:
            record.causes.add(cause(shell, key, answer.reason))
            if answer.reason == "deaths":
                record.killers.append(key)


# --- Replies --------------------------------------------------------------------------------------


def place(shell: "Shell", owner: int) -> None:
    """Say how far an owner must be walked."""
    shell.owed.pop(("place", owner), None)
    record = shell.records.get(owner)
    now = shell.world.clock()
    if record is None:
        shell.tell(Placed(now, owner, 1, is_walked=True))
        return
    assert record.content is not None
    shell.pending.append(("saw", owner, record.content))
    done = shell.home.done.get(owner)
    is_served = (
        done is not None
        and done.served == done.tried == record.content
        and not done.causes
        and owner not in shell.home.intents
    )
    weight = shell.plan.weights[owner] + 1
    shell.tell(Placed(now, owner, weight, is_walked=not is_served))


def ask(shell: "Shell", owner: int, round_: int, task: int) -> None:
    """Find the calls of a task over an owner."""
    shell.owed.pop((owner, round_, task), None)
    record = shell.records.get(owner)
    now = shell.world.clock()
    if record is None or record.round != round_:
        # It began again or was dropped while this was looked for.
        shell.tell(Asked(now, owner, round_, task, ()))
        return
    policy = shell.plan.policy.tasks[task]
    for above in policy.above:
        is_over = record.asked[above] and not record.left[above]
        shell.watch.require(is_over, "a task was asked for before what it waits for was over")
    assert record.content is not None
    parts = shell.plan.contents[record.content].parts[task]
    if shell.plan.rules[task] is Rule.ALL_SUCCEEDED and any(
        record.has_failed[above] for above in policy.above
    ):
        record.asked[task] = True
        record.has_failed[task] = bool(parts)
        shell.tell(Asked(now, owner, round_, task, (), blocked=len(parts)))
        return
    known = shell.home.memos
    keys = tuple(key for key in parts if key not in known and key not in shell.fresh)
    failed = [key for key in keys if key in shell.failed_keys]
    calls = tuple(key for key in keys if key not in shell.failed_keys) if failed else keys
    if calls and _began_again(shell, owner, record):
        return
    record.asked[task] = True
    record.left[task] = len(calls)
    called = set(keys)
    record.made += [(task, key) for key in parts if key not in called]
    for key in failed:
        record.failed(task, shell.failed_keys[key], key)
    deaths = {key: known_deaths(shell, key) for key in calls}
    shell.watch.told_suspects.update(
        {
            key: None
            for key, count in deaths.items()
            if count is not None and key not in shell.state.calls
        }
    )
    asked = Asked(
        now,
        owner,
        round_,
        task,
        calls,
        memoized=len(parts) - len(keys),
        failed=len(failed),
        costs=tuple(0.5 + len(key) % 3 for key in calls) if policy.batch is not None else (),
        suspects={key: count for key, count in deaths.items() if count is not None},
    )
    shell.tell(asked)


def _began_again(shell: "Shell", owner: int, record: Record) -> bool:
    """Begin an owner anew that is not what it was taken for, if anybody notices."""
    actual = shell.world.contents.get(owner)
    if actual is None or actual == record.content or shell.rng.random() < 0.3:
        return False
    before = record.round
    record.round += 1
    record.token, record.content = actual, None
    record.begin()
    shell.tell(Restarted(shell.world.clock(), owner, before))
    return True


def arrive(shell: "Shell", owner: int, is_unread: bool) -> None:
    """Say what an owner came to."""
    shell.owed.pop(("arrive", owner), None)
    record = shell.records.get(owner)
    now = shell.world.clock()
    if record is None:
        shell.tell(Arrived(now, owner, 0))
        return
    if not is_unread:
        shell.watch.require(not any(record.left), "an owner arrived before its calls were over")
        if _began_again(shell, owner, record):
            return
    content = record.token if record.content is None else record.content
    before = shell.home.done.get(owner)
    if record.causes:
        served = before.served if before is not None else None
        done = Done(served, content, frozenset(record.causes), tuple(record.killers))
        shell.served[owner] = (done, None)
        shell.tell(Arrived(now, owner, 0, has_failed=True))
        return
    is_walked = all(record.asked)
    shell.watch.require(
        is_walked or (before is not None and before.served == content),
        "an owner arrived before its tasks were asked for",
    )
    plan = shell.plan
    made = tuple((task, key) for task, key in record.made if not plan.policy.tasks[task].below)
    rows = rows_of(owner, made) if is_walked else shell.home.held.get(owner, frozenset())
    shell.served[owner] = (Done(content, content), rows)
    shell.tell(Arrived(now, owner, len(rows)))
