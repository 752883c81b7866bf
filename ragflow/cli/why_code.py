"""``ragflow why --code``: what of a task's code counts."""

from collections.abc import Sequence

from ragflow.cli.options import parameters_of
from ragflow.cli.output import enveloped, results


def show_code(name: str, *, pipeline: str | None, parameters: Sequence[str], as_json: bool) -> None:
    """Print what counts of the task called `name`, and what could not be followed."""
    from ragflow.api.task_code import describe_code
    from ragflow.config import find_project
    from ragflow.views.task_code import code_text

    with results() as out:
        found = describe_code(
            find_project(), name, pipeline=pipeline, parameters=parameters_of(parameters)
        )
        if as_json:
            out.json(enveloped(**found))
        else:
            out.line(code_text(found, width=out.width))
