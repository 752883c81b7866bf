"""``ragflow why`` and ``why-not``: why a document is as it is, and why one is not in the index."""

from typing import Annotated

import typer

from ragflow.cli.options import LARGEST, Json, Settings
from ragflow.cli.output import enveloped, plain, results
from ragflow.errors import UsageError

KEY = "A document, or the id of a row as `query --json` has it."
Instance = Annotated[
    str | None, typer.Option("--instance", metavar="NAME", help="Only what this instance knows.")
]


def explain_document(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help=KEY)] = None,
    *,
    run: Annotated[
        int | None,
        typer.Option("--run", metavar="N", min=1, max=LARGEST, help="What that run did with it."),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option("--code", metavar="TASK", help="What counts of this task's code instead."),
    ] = None,
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", metavar="NAME", help="With --code: of which.")
    ] = None,
    settings: Settings = None,
    instance: Instance = None,
    as_json: Json = False,
) -> None:
    """Say why a document is as it is, and what comes next.

    Told are what the last run did with it and why, how it stands at each end, and what the
    next run would do: for that its source is listed, and no task is called.
    """
    if code is not None:
        if key is not None or run is not None or instance is not None:
            raise UsageError(
                "--code was given together with a document",
                hint="write `ragflow why KEY` or `ragflow why --code TASK`",
            )
        from ragflow.cli.why_code import show_code

        show_code(code, pipeline=pipeline, parameters=settings or (), as_json=as_json)
        return
    if key is None:
        raise UsageError("why was not told what about", hint="write `ragflow why KEY`")
    if pipeline is not None or settings:
        raise UsageError(
            "--pipeline and -p go with --code", hint="name the instance: --instance NAME"
        )
    from ragflow.api.why import explain
    from ragflow.runtime.home import open_home
    from ragflow.views.explanations import answers_text, explanation_tables

    with results() as out, open_home() as home:
        found = explain(home, key, run=run, instance=instance)
        if as_json:
            out.json(enveloped(explanations=plain(found)))
            return
        out.line(answers_text(map(explanation_tables, found), width=out.width))


def explain_absence(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A document.")],
    *,
    instance: Instance = None,
    as_json: Json = False,
) -> None:
    """Say why a document is not in the index, or not found there."""
    from ragflow.api.why_not import explain_absence as explain
    from ragflow.runtime.home import open_home
    from ragflow.views.explanations import answers_text, why_not_tables

    with results() as out, open_home() as home:
        found = explain(home, key, instance=instance)
        if as_json:
            out.json(enveloped(answers=plain(found)))
            return
        out.line(answers_text(map(why_not_tables, found), width=out.width))
