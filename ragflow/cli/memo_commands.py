"""``ragflow memos``: what is remembered, why something is not, and removing what nobody needs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragflow.cli.groups import command_group
from ragflow.cli.options import Json
from ragflow.cli.output import enveloped, plain, results

if TYPE_CHECKING:
    from ragflow.core.retained import Pruned, Remembered
    from ragflow.runtime.home import Home
    from ragflow.runtime.memo_walk import MemoStanding

#: Runs whose hits are told.
_RUNS = 5

app = command_group("Show, explain and prune what is remembered.")


@app.command("stats")
def show_stats(*, as_json: Json = False) -> None:
    """Show how much is remembered, by task, and how many calls that spared lately."""
    from ragflow.runtime.home import open_home
    from ragflow.runtime.retention import survey
    from ragflow.views.memos import stats_text

    with results() as out, open_home() as home:
        stats = _stats(home, survey(home))
        if as_json:
            out.json(stats)
        else:
            out.line(stats_text(stats, width=out.width))


@app.command("prune")
def prune_memos(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove memos no document needs and has needed for a while, and old logs; give disk back.

    How long they stay is said in ragflow.toml: keep_days under [memos] (30) and under [history]
    (90). Runs may go on meanwhile.
    """
    from ragflow.api.people import user_name
    from ragflow.runtime.home import open_home
    from ragflow.runtime.retention import prune
    from ragflow.views.memos import pruned_text

    with results() as out, open_home() as home:
        pruned = _pruned(prune(home, actor=user_name(), dry_run=dry_run), dry_run=dry_run)
        if as_json:
            out.json(pruned)
        else:
            out.line(pruned_text(pruned, width=out.width))


@app.command("explain")
def explain_memos(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Key of a document, or the id of a row.")
    ],
    *,
    task: Annotated[
        str | None, typer.Option("--task", metavar="TASK", help="Calls of this task alone.")
    ] = None,
    instance: Annotated[
        str | None, typer.Option("--instance", metavar="NAME", help="Of this instance alone.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain which calls of a document memos answer now, and why they do not answer others.

    By what the document was when it was last read. Nothing is called or opened.
    """
    from ragflow.api.memos import stand_all
    from ragflow.runtime.home import open_home
    from ragflow.views.memos import standings_text

    with results() as out, open_home() as home:
        found = [_standing(each) for each in stand_all(home, key, task=task, instance=instance)]
        if as_json:
            out.json(enveloped(documents=found))
        else:
            out.line(standings_text(found, width=out.width))


def _stats(home: "Home", found: "Remembered") -> Any:
    tasks = [
        {
            "task": each.task,
            "memos": each.all.number,
            "bytes": each.all.bytes,
            "unneeded": each.unreached.number,
            "unneeded_bytes": each.unreached.bytes,
            "expires": plain(each.expires),
        }
        for each in found.tasks
    ]
    names = {each.task for each in found.tasks}
    runs = [
        {
            "run": run.id,
            "instance": run.instance,
            "tasks": {
                name: {"hits": total.memoized, "misses": total.ran}
                for name, total in home.metadata.runs.totals(run.id).items()
                if name in names
            },
        }
        for run in home.metadata.runs.recent(limit=_RUNS)
    ]
    return enveloped(
        tasks=tasks, artifacts=plain(found.artifacts), unknown=found.unknown, runs=runs
    )


def _pruned(found: "Pruned", *, dry_run: bool) -> Any:
    tasks = [
        {"task": task, "memos": amount.number, "bytes": amount.bytes}
        for task, amount in sorted(found.memos.items())
    ]
    return enveloped(
        dry_run=dry_run,
        tasks=tasks,
        artifacts=plain(found.artifacts),
        logs=found.logs,
        attempts=found.attempts,
        reasons=found.reasons,
        freed=found.shrunk,
        unknown=found.unknown,
    )


def _standing(standing: "MemoStanding") -> dict[str, Any]:
    from ragflow.views.reasons import difference_sentence

    return {
        "instance": standing.instance,
        "source": standing.source,
        "key": standing.key,
        "calls": [
            {
                "task": call.task,
                "part": call.part,
                "key": call.key.hex(),
                "hit": call.is_hit,
                "why": call.why,
            }
            for call in standing.calls
        ],
        "changed": {
            task: [difference_sentence(each) for each in found]
            for task, found in standing.changed.items()
        },
        "problem": standing.problem,
    }
