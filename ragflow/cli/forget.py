"""``ragflow forget``: remove all that is known of one document, at once."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.options import Json, Wait
from ragflow.cli.output import enveloped, results, say
from ragflow.cli.questions import is_confirmed

if TYPE_CHECKING:
    from ragflow.core.retained import Forgotten


def forget_document(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of a document.")],
    *,
    instance: Annotated[
        str | None, typer.Option("--instance", metavar="NAME", help="In this instance alone.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Remove all that is known of a document, at once.

    Its rows, memos, logs, failed attempts, dead letters and reasons; also what earlier versions
    of it left, and of one that is gone already. Memos that another document needs stay. The
    audit keeps that somebody did this, with a digest of the key.
    """
    from ragflow.api.people import user_name
    from ragflow.runtime.forgetting import find_known, forget
    from ragflow.runtime.home import open_home
    from ragflow.views.memos import forgotten_text

    with results() as out, open_home() as home:
        known = find_known(home, key, instance)
        names = ", ".join(sorted({each.name for each in known.instances}))
        if not yes and not is_confirmed(f"forget {key!r} of {names}?"):
            say("nothing was forgotten")
            raise typer.Exit(ExitCode.FAILED)
        found = _described(key, forget(home, key, actor=user_name(), instance=instance, wait=wait))
        if as_json:
            out.json(found)
        else:
            out.line(forgotten_text(key, found))


def _described(key: str, found: "Forgotten") -> Any:
    return enveloped(
        key=key,
        documents=found.owners,
        rows=found.rows,
        memos=found.memos.number,
        bytes=found.memos.bytes,
        shared=found.shared,
        artifacts=found.artifacts.number,
        logs=found.logs,
        attempts=found.attempts,
        dead_letters=found.dead_letters,
        reasons=found.reasons,
        groups=list(found.groups),
        unscrubbed=list(found.unscrubbed),
    )
