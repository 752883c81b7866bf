"""``ragflow lineage``: from a hit to what it was made of, from a document to all its rows."""

from typing import Annotated

import typer

from ragflow.cli.options import Json
from ragflow.cli.output import enveloped, plain, results
from ragflow.cli.why import KEY, Instance


def show_lineage(
    key: Annotated[str, typer.Argument(metavar="KEY", help=KEY)],
    *,
    instance: Instance = None,
    as_json: Json = False,
) -> None:
    """Say what a row was made of, or which rows of a document.

    Follows a row back to its document, or a document forward to all of its rows.
    Told are version, tasks with code, model and parameters, run and time, and groups.
    """
    from ragflow.api.lineage import trace
    from ragflow.runtime.home import open_home
    from ragflow.views.explanations import answers_text, lineage_tables

    with results() as out, open_home() as home:
        found = trace(home, key, instance=instance)
        if as_json:
            out.json(enveloped(lineages=plain(found)))
            return
        out.line(answers_text(map(lineage_tables, found), width=out.width))
