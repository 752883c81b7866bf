"""``ragflow verify``: compare a collection with what ragflow believes it has."""

from typing import Annotated

import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.options import Collection, Json, Wait
from ragflow.cli.output import results, say

Deep = Annotated[
    bool,
    typer.Option(
        "--deep",
        help="Find out by embedding which model made a wrong vector; opens every model of its "
        "length.",
    ),
]


def verify_collection(
    name: Collection, *, deep: Deep = False, wait: Wait = False, as_json: Json = False
) -> None:
    """Compare a collection with what it should have, row by row.

    Writes and embeds nothing. Ends with 0 when every row is as it should be and 4 when damage
    was found; rows that ragflow did not write are listed, and are no damage.
    """
    from ragflow.api.repairs import requests_of
    from ragflow.runtime.home import open_home
    from ragflow.runtime.verify import verify
    from ragflow.views.damage import verification_text

    with results() as out, open_home() as home:
        report = verify(home, name, requests_of(home), deep=deep, wait=wait)
        if as_json:
            out.json(report)
        else:
            out.line(verification_text(report, width=out.width))
        out.flush()
        if not report["clean"]:
            say(f"hint: `ragflow repair {name}` mends it")
            raise typer.Exit(ExitCode.DAMAGED)
