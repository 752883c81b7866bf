"""What is known of one document or row, put together from ledger, runs, recipes and sources?"""

import functools
import re
import shlex
from collections.abc import Sequence

import msgspec

from ragflow.api.project import find_pipeline
from ragflow.api.runs import again
from ragflow.core.explanations import Changed, Next, RowFound, Standing, Worked
from ragflow.core.items import Fingerprint
from ragflow.core.parameters import plainly
from ragflow.core.reasons import (
    Because,
    Cause,
    Departure,
    KeptReason,
    KnownEnd,
    KnownOwner,
    RowHolder,
)
from ragflow.core.recipes import Recipe
from ragflow.core.records import Instance, RunRecord
from ragflow.core.states import OwnerState, RunState
from ragflow.errors import NotFoundError, RagflowError, UsageError
from ragflow.incremental.why import differences
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import TARGET
from ragflow.runtime.looking import Looked, look
from ragflow.runtime.request import Request
from ragflow.scheduling.groups import is_group
from ragflow.views.dead_letters import released_when
from ragflow.views.reasons import cause_sentence, difference_sentence

#: Runs of a name looked through for the last one of an instance.
_LOOKED_AT = 1_000
#: Keys, or ids, named in one sentence.
_NAMED = 3
_STOPPED = (RunState.FAILED, RunState.CANCELLED)
_ROW = re.compile(r"[0-9a-f]{4,32}", re.ASCII)


class Known:
    """What a home knows, in the words of explanations. Reads only."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.store = home.metadata

    def instances(self, name: str | None) -> list[Instance]:
        """Return the instances of a name, or all.

        Raises `NotFoundError` for a name that none has, and where nothing has run yet.
        """
        every = self.store.instances()
        if not every:
            raise NotFoundError(
                "nothing has run yet, so nothing is known of any document",
                hint="`ragflow pipelines` names what there is to run",
            )
        found = [each for each in every if name in (None, each.name)]
        if not found:
            names = ", ".join(sorted({each.name for each in every}))
            raise NotFoundError(f"there is no instance {name!r}", hint=f"instances: {names}")
        return found

    def owners(self, key: str, instances: Sequence[Instance]) -> list[KnownOwner]:
        """Return the owners of a key in these instances."""
        numbers = {each.id for each in instances}
        return [each for each in self.store.reasons.find(key) if each.instance_id in numbers]

    def departures(self, key: str, instances: Sequence[Instance]) -> list[Departure]:
        """Return when owners of a key went from these instances, newest first."""
        numbers = {each.id for each in instances}
        return [each for each in self.store.reasons.departures(key) if each.instance_id in numbers]

    def rows(self, prefix: str, instances: Sequence[Instance]) -> list[RowHolder]:
        """Return who holds the row whose id begins so; nothing where it is no id.

        Raises `UsageError` where several ids begin so.
        """
        if not _ROW.fullmatch(prefix):
            return []
        numbers = {each.id for each in instances}
        found = [
            each
            for each in self.store.reasons.holders(prefix)
            if (owner := self.store.reasons.owner(each.owner)) is not None
            and owner.instance_id in numbers
        ]
        ids = sorted({each.row for each in found})
        if len(ids) > 1:
            more = " …" if len(ids) > _NAMED else ""
            raise UsageError(
                f"{len(ids):,} rows have an id that begins with {prefix!r}",
                hint=f"write more of it: {', '.join(ids[:_NAMED])}{more}",
            )
        return found

    def unknown(self, key: str) -> NotFoundError:
        """Return the error for a key that nobody knows, with those that may have been meant."""
        near = self.store.reasons.near(key, limit=_NAMED)
        if near:
            hint = f"did you mean {' or '.join(map(repr, near))}?"
        else:
            hint = "`ragflow documents COLLECTION` lists them; `ragflow query --json` gives row ids"
        return NotFoundError(f"nothing is known of {key!r}", hint=hint)

    @functools.cache  # noqa: B019 - lives as long as one command
    def last_run(self, instance: int) -> RunRecord | None:
        """Return the last run of an instance."""
        named = {each.id: each.name for each in self.store.instances()}
        recent = self.store.runs.recent(limit=_LOOKED_AT, instance=named[instance])
        return next((run for run in recent if run.instance_id == instance), None)

    @functools.cache  # noqa: B019 - lives as long as one command
    def last_whole(self, instance: int) -> RunRecord | None:
        """Return the last run of an instance that came to its end, else the last.

        One that was refused, or looked in another folder by mistake, is no usual one.
        """
        newest = self.last_run(instance)
        if newest is None or newest.state not in _STOPPED:
            return newest
        recent = self.store.runs.recent(limit=_LOOKED_AT, instance=newest.instance)
        of_it = (run for run in recent if run.instance_id == instance)
        return next((run for run in of_it if run.state not in _STOPPED), newest)

    def request(self, instance: int) -> Request | str:
        """Return the request for a run like the instance's usual, or why there can be none."""
        run = self.last_whole(instance)
        if run is None:
            return "it has never run"
        try:
            return again(self.home, run, trigger="command")
        except RagflowError as error:
            return str(error)

    def command(self, instance: int) -> str:
        """Return what to type for a run like the instance's usual: another may write elsewhere."""
        run = self.last_whole(instance)
        if run is None:
            return "ragflow run"
        words = ["ragflow", "run", run.pipeline]
        if run.instance != run.pipeline:
            words += ["--instance", run.instance]
        try:
            usual = find_pipeline(self.home.project, run.pipeline).parameters.by_name
        except RagflowError:
            usual = {}
        stated = self.home.project.config.parameters.get(run.pipeline, {})
        for name, value in run.parameters.items():
            taken = usual.get(name)
            left_out = None if taken is None or taken.is_required else taken.default
            if value != plainly({name: stated.get(name, left_out)})[name]:
                text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
                words += ["-p", f"{name}={text}"]
        return shlex.join(words)

    def look(self, instance: int, key: str, source: str | None = None) -> list[Looked] | str:
        """Return what the sources of an instance say of a key, or why nobody can tell."""
        request = self.request(instance)
        if isinstance(request, str):
            return request
        try:
            return look(self.home, request, key, source)
        except RagflowError as error:
            return str(error)

    # In words

    def worked(self, kept: KeptReason, source: str) -> Worked:
        """Return what one run did with an owner, and why, in words."""
        changed = self.changed(kept.because)
        run = self.store.runs.get(kept.run)
        return Worked(
            run=kept.run,
            started_at=None if run is None else run.started_at,
            cause=kept.cause,
            sentence=cause_sentence(
                kept.cause,
                [each.sentence for each in changed],
                is_group=is_group(source),
                came_from=kept.came_from,
                requirement=kept.because.requirement,
            ),
            changed=changed,
            came_from=kept.came_from,
            requirement=kept.because.requirement,
            is_asked=kept.because.is_asked,
            state=kept.state,
            ran=kept.ran,
            memoized=kept.memoized,
            upserted=kept.upserted,
            deleted=kept.deleted,
        )

    def departed(self, departure: Departure) -> Worked:
        """Return by which run an owner went, and why, in words."""
        run = self.store.runs.get(departure.run)
        return Worked(
            run=departure.run,
            started_at=None if run is None else run.started_at,
            cause=departure.cause,
            sentence=cause_sentence(
                departure.cause,
                [],
                is_group=is_group(departure.source),
                moved_to=departure.moved_to,
            ),
            changed=[],
            moved_to=departure.moved_to,
        )

    def changed(
        self, because: Because, recipes: dict[Fingerprint, Recipe] | None = None
    ) -> list[Changed]:
        """Return what is different in definitions; `recipes` are those not written down yet."""
        found: dict[str, Changed] = {}
        for before, after in because.definitions:
            old = None if before is None else self.store.recipes.get(before)
            new = (recipes or {}).get(after) or self.store.recipes.get(after)
            if old is None or new is None:
                found[_UNWRITTEN] = _UNKNOWN
                continue
            for one in differences(old, new):
                sentence = difference_sentence(one)
                found[sentence] = Changed(
                    task=one.task,
                    what=one.what,
                    name=one.name,
                    before=one.before,
                    after=one.after,
                    sentence=sentence,
                )
        return list(found.values())

    def standing(self, end: KnownEnd) -> Standing:
        """Return how an owner stands at an end."""
        failed = end.state in (OwnerState.FAILED, OwnerState.HELD_BACK)
        released = None
        if failed and end.release is not None:
            released = released_when(
                end.release, end.not_before, end.tried_at, is_discarded=end.is_discarded
            )
        definition = end.served_definition
        return Standing(
            end=end_name(end),
            generation=end.number,
            generation_state=end.generation_state,
            state=end.state,
            reason=end.reason,
            message=end.message,
            requirement=end.requirement,
            rows=end.rows,
            run=end.run,
            tried_at=end.tried_at,
            dead_letter=end.dead_letter,
            released=released,
            is_discarded=end.is_discarded,
            definition=None if definition is None else definition.hex(),
        )

    def next(self, owner: KnownOwner, standings: Sequence[Standing]) -> Next:
        """Return what the next run would do with an owner."""
        if is_group(owner.source):
            return Next(cause=None, sentence="a group is made again when its members change")
        looked = self.look(owner.instance_id, owner.key, owner.source)
        if isinstance(looked, str):
            return Next(cause=None, sentence=looked)
        if not looked:
            return Next(cause=Cause.SOURCE_GONE, sentence="the pipeline no longer has its source")
        return self.next_of(looked[0], standings)

    def next_of(self, looked: Looked, standings: Sequence[Standing] = ()) -> Next:
        """Return what the next run would do, given what a source says of a key."""
        if looked.listed is None:
            if looked.problem is not None:
                return Next(cause=None, sentence=looked.problem)
            told = f": it {looked.absence}" if looked.absence else ""
            sentence = f"its source does not list it{told}"
            return Next(cause=Cause.DELETED, sentence=sentence, is_listed=False)
        assert looked.reason is not None
        cause, because = looked.reason.cause, looked.reason.because
        if cause is Cause.UNCHANGED:
            waits = [each.released for each in standings if each.released is not None]
            told = f"nothing to do yet; it is tried again {waits[0]}" if waits else "nothing to do"
            return Next(cause=cause, sentence=told, is_listed=True)
        changed = self.changed(because, looked.recipes)
        told = cause_sentence(
            cause,
            [each.sentence for each in changed],
            requirement=because.requirement,
            is_next=True,
        )
        if looked.listed.skip is not None:
            told = f"it is listed and left out: it {looked.listed.skip[1]}"
        if looked.problem is not None:
            told = f"{told}; {looked.problem}"
        return Next(cause=cause, sentence=told, changed=changed, is_listed=True)

    def rows_at(self, end: KnownEnd, ids: Sequence[str], *, with_text: bool) -> list[RowFound]:
        """Return rows of an end, with where they stand in their document if the target knows."""
        stored = {}
        if end.target == TARGET and ids:
            try:
                stored = {row.id: row for row in self.home.vectors.get(end.physical, ids)}
            except NotFoundError:  # the place is gone; `ragflow verify` says so
                stored = {}
        found = []
        for each in ids:
            row = stored.get(each)
            payload = {} if row is None else row.payload
            found.append(
                RowFound(
                    id=each,
                    end=end_name(end),
                    generation=end.number,
                    page=payload.get("page"),
                    start=payload.get("start"),
                    stop=payload.get("end"),
                    headings=list(payload.get("headings", ())),
                    text=row.text if row is not None and with_text else None,
                )
            )
        return sorted(found, key=lambda each: (each.page or 0, each.start or 0))


_UNWRITTEN = "the pipeline changed; an older version of ragflow did not write down how"
_UNKNOWN = Changed(task="", what="other", name="", before=None, after=None, sentence=_UNWRITTEN)


def end_name(end: KnownEnd) -> str:
    """Return what people call an end: ``target:place``, without what is the instance's own."""
    return f"{end.target}:{end.place.partition(' of ')[0] if end.target == 'task' else end.place}"
