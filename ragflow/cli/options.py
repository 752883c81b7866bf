"""The options that several commands take."""

from collections.abc import Sequence
from typing import Annotated

import typer

from ragflow.errors import ParameterError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for what another process holds.")]
Collection = Annotated[str, typer.Argument(metavar="COLLECTION", help="Name of a collection.")]
PipelineName = Annotated[str, typer.Argument(metavar="NAME", help="Name of a pipeline.")]
Instance = Annotated[
    str | None,
    typer.Option(
        "--instance",
        metavar="NAME",
        help="Keep a state of its own under this name; the pipeline's name unless given.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "-p", "--parameter", metavar="NAME=VALUE", help="Give a parameter a value; repeatable."
    ),
]


def parameters_of(settings: Sequence[str] | None) -> dict[str, str]:
    """Return what ``-p name=value`` says, by name.

    Raises `ParameterError` for one without a value and for one given twice.
    """
    values: dict[str, str] = {}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise ParameterError(
                f"-p {setting!r} gives no parameter a value", hint="write -p name=value"
            )
        if name in values:
            raise ParameterError(f"the parameter {name!r} is given twice", hint="give it one value")
        values[name] = value
    return values
