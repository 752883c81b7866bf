"""Which document is meant, and which of its calls do memos answer?"""

import re
from collections.abc import Sequence

from ragflow.api.repairs import requests_of
from ragflow.core.reasons import KnownOwner
from ragflow.errors import NotFoundError
from ragflow.runtime.home import Home
from ragflow.runtime.memo_walk import MemoStanding, stand

#: What the ids of rows that ragflow names look like, or their beginning.
_ROW = re.compile(r"[0-9a-f]{8,32}", re.ASCII)


def stand_all(
    home: Home, key: str, *, task: str | None = None, instance: str | None = None
) -> list[MemoStanding]:
    """Return how the calls of a document stand, for each instance that knows it.

    `key` is that of a document, or the id of a row or how it begins. Raises `NotFoundError` for
    one that nobody knows, and for a task that makes nothing of the document.
    """
    owners = [each for each in _owners(home, key) if instance in (None, each.instance)]
    if not owners:
        near = home.metadata.reasons.near(key, limit=1)
        hint = f"did you mean {near[0]!r}?" if near else "`ragflow documents` lists what is known"
        raise NotFoundError(f"there is no document or row {key!r}", hint=hint)
    found = [stand(home, owner, requests_of(home), task=task) for owner in owners]
    if task is not None and not any(each.calls or each.problem for each in found):
        raise NotFoundError(
            f"no call of a task {task!r} is made for {key!r}",
            hint="leave --task out to see which are",
        )
    return found


def _owners(home: Home, key: str) -> Sequence[KnownOwner]:
    reasons = home.metadata.reasons
    owners = reasons.find(key)
    if owners or not _ROW.fullmatch(key):
        return owners
    numbers = dict.fromkeys(row.owner for row in reasons.holders(key))
    found = [reasons.owner(number) for number in numbers]
    return [owner for owner in found if owner is not None]
