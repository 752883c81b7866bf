"""``ragflow repair``: make a collection what it should be."""

from collections.abc import Mapping
from typing import Annotated

import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.options import Collection, Json, Wait
from ragflow.cli.output import results
from ragflow.cli.questions import is_confirmed


def repair_collection(
    name: Collection,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask, whatever has to be computed again.")
    ] = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Mend a collection by what is remembered.

    Writes again what is wrong or missing and deletes what is too much. Embeds nothing that is
    remembered; what is not is computed again when that is confirmed. Rows that ragflow did not
    write are left alone. Ends with 0 when every row is as it should be then, and 4 when some
    are not.
    """
    from ragflow.api.people import user_name
    from ragflow.api.repairs import requests_of
    from ragflow.runtime.home import open_home
    from ragflow.runtime.repair import repair
    from ragflow.views.damage import calls_sentence, repair_text

    def allow(calls: Mapping[str, int]) -> bool:
        return yes or is_confirmed(f"{calls_sentence(calls)}; make them?")

    with results() as out, open_home() as home:
        report = repair(home, name, requests_of(home), actor=user_name(), wait=wait, allow=allow)
        if as_json:
            out.json(report)
        else:
            out.line(repair_text(report, width=out.width))
        out.flush()
        if not report["clean"]:
            raise typer.Exit(ExitCode.DAMAGED)
