"""When is what nobody needs any more removed from a home?

Whenever somebody says so; and once a day after a run that changed something, in a home that is
old enough for anything to be.
"""

from datetime import timedelta

import msgspec

from ragflow.core.retained import Pruned, Remembered
from ragflow.errors import RagflowError
from ragflow.runtime.home import Home

#: What the audit says of it.
_ACTION = "memos.pruned"
#: How often runs prune by themselves.
_BETWEEN = timedelta(days=1)


def survey(home: Home) -> Remembered:
    """Return what the home remembers, by task."""
    return home.metadata.retention.survey(_kept(home))


def prune(home: Home, *, actor: str, dry_run: bool = False) -> Pruned:
    """Remove memos, large values and history that nobody needs and that were kept long enough.

    Safe beside runs. With `dry_run` nothing is removed.
    """
    store, now = home.metadata, home.clock.now()
    pruned = store.retention.prune(_kept(home), dry_run=dry_run)
    before = now - timedelta(days=home.project.config.history.keep_days)
    logs, attempts = store.retention.prune_history(before, dry_run=dry_run)
    reasons = 0 if dry_run else store.reasons.prune(before)
    pruned = msgspec.structs.replace(pruned, logs=logs, attempts=attempts, reasons=reasons)
    if not dry_run:
        memos = sum(amount.number for amount in pruned.memos.values())
        store.audit.record(_ACTION, actor=actor, detail={"memos": memos, "logs": logs})
    return pruned


def prune_now_and_then(home: Home, *, actor: str) -> Pruned | None:
    """Prune where nobody did for a day and something may be old enough; None where not.

    What goes wrong is left for the next time.
    """
    store, now = home.metadata, home.clock.now()
    try:
        last = store.audit.list(action=_ACTION, limit=1)
        first = store.runs.get(1)  # numbers are never given again
        if last and now - last[0].at < _BETWEEN:
            return None
        if first is None or now - first.started_at <= _kept(home):
            return None
        return prune(home, actor=actor)
    except RagflowError:
        return None


def _kept(home: Home) -> timedelta:
    return timedelta(days=home.project.config.memos.keep_days)
