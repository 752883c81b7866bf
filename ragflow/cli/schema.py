"""``ragflow schema``: the JSON Schema of what ``--json`` prints."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ragflow.cli.output import results

FOLDER = Path(__file__).parent / "schemas"


class Name(StrEnum):
    """The objects that have a schema."""

    RUN = "run"  #: ``run``, ``resume`` and ``show``
    RUNS = "runs"
    PLAN = "plan"
    QUERY = "query"
    CITE = "cite"
    PARSE = "parse"
    DOCUMENTS = "documents"
    DEAD_LETTERS = "dead-letters"
    AUDIT = "audit"
    LOGS = "logs"  #: each line of ``logs``
    COLLECTIONS = "collections"
    PIPELINES = "pipelines"
    CODE = "code"  #: ``why --code``
    WHY = "why"
    WHY_NOT = "why-not"
    LINEAGE = "lineage"
    VERIFY = "verify"
    REPAIR = "repair"
    MEMOS = "memos"  #: ``memos stats``
    MEMOS_PRUNE = "memos-prune"
    MEMOS_EXPLAIN = "memos-explain"
    MODELS = "models"  #: ``models list`` and ``models show``
    MODELS_CHECK = "models-check"
    MODELS_CALIBRATE = "models-calibrate"
    FORGET = "forget"
    SCHEDULES = "schedules"  #: ``schedules list``, ``pause`` and ``resume``
    SCHEDULES_NEXT = "schedules-next"
    FIRES = "fires"  #: ``schedules fires``
    BACKFILL = "backfill"


def print_schema(
    name: Annotated[Name, typer.Argument(metavar="NAME", help=", ".join(Name))],
) -> None:
    """Print the JSON Schema of what --json prints."""
    with results() as out:
        out.line((FOLDER / f"{name.value}.json").read_text(encoding="utf-8").rstrip())
