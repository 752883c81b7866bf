"""How a portion reaches the target: intent, rows, stale rows deleted, commit.

The target is written outside every transaction of the home, and any two of these may be far
apart: a scheduler may die, stop or lose its lease between them.
"""

from typing import TYPE_CHECKING

from ragflow.core.retry import Fault, FaultKind
from ragflow.scheduling.transitions.commands import Commit
from ragflow.scheduling.transitions.events import Committed, NotCommitted
from tests.simulation.home import Change, FailedError, RefusedError
from tests.simulation.plan import Wrong

if TYPE_CHECKING:
    from tests.simulation.shell import Shell

_NONE: frozenset[str] = frozenset()


def intend(shell: "Shell", portion: Commit) -> None:
    """Write down which rows may be in the target from now on."""
    changes: list[Change] = []
    for owner in portion.owners:
        _done, rows = shell.served[owner]
        if rows is not None:
            changes.append(("intend", owner, rows))
    if _is_committed(shell, portion, changes):
        _then(shell, portion, write)


def write(shell: "Shell", portion: Commit) -> None:
    """Write rows: new ones before old ones go."""
    if _may_write(shell, portion):
        shell.world.written_from.append((shell.epoch, shell.home.epoch))
        for owner in portion.owners:
            rows = shell.served[owner][1]
            if rows is not None:
                shell.world.target.update(dict.fromkeys(sorted(rows), owner))
        _then(shell, portion, sweep)


def sweep(shell: "Shell", portion: Commit) -> None:
    """Delete rows that are an owner's no more."""
    if not _may_write(shell, portion):
        return
    shell.world.written_from.append((shell.epoch, shell.home.epoch))
    home, target = shell.home, shell.world.target
    for owner in portion.owners:
        done, rows = shell.served[owner]
        intended, held = home.intents.get(owner, _NONE), home.held.get(owner, _NONE)
        if done is not None and rows is None:
            stale = intended - held  # an owner that failed keeps its last good rows
        else:
            stale = (held | intended) - (rows or _NONE)
        for row in stale:
            target.pop(row, None)
    _then(shell, portion, finish)


def finish(shell: "Shell", portion: Commit) -> None:
    """Write down that the owners are served."""
    changes: list[Change] = []
    for owner in portion.owners:
        done, rows = shell.served[owner]
        if done is None:
            changes.append(("forget", owner))
        elif rows is None:
            changes.append(("fail", owner, done))
        else:
            changes.append(("serve", owner, done, rows))
    if _is_committed(shell, portion, changes):
        shell.tell(Committed(shell.world.clock(), portion.portion))
        for owner in portion.owners:
            shell.records.pop(owner, None)
            shell.served.pop(owner, None)


def _then(shell: "Shell", portion: Commit, act: object) -> None:
    shell.world.later(shell.rng.uniform(0.0, 0.3), shell, act, shell, portion)  # type: ignore[arg-type]


def _is_committed(shell: "Shell", portion: Commit, changes: list[Change]) -> bool:
    try:
        shell.commit(changes)
    except FailedError:
        _fails(shell, portion)
        return False
    except RefusedError:
        shell.lose()
        return False
    return True


def _may_write(shell: "Shell", portion: Commit) -> bool:
    """Tell whether the target can be written, and is still ours to write."""
    if not shell.home.is_held(shell.epoch):
        shell.lose()
        return False
    if shell.world.is_unreachable():
        shell.world.count(Wrong.UNREACHABLE)
        _fails(shell, portion)
        return False
    return True


def _fails(shell: "Shell", portion: Commit) -> None:
    fault = Fault(FaultKind.PASSING)
    shell.tell(NotCommitted(shell.world.clock(), portion.portion, fault))
