"""``ragflow pipelines``: what a project defines."""

from collections.abc import Mapping
from typing import Any

from ragflow.cli.options import Json
from ragflow.cli.output import enveloped, plain, results, say


def list_pipelines(*, as_json: Json = False) -> None:
    """List the pipelines with schedule and parameters."""
    from ragflow.api.project import load_pipelines
    from ragflow.config import find_project
    from ragflow.views.listings import pipelines_table

    with results() as out:
        project = find_project()
        found = [
            _described(pipeline, project.config.parameters.get(pipeline.name, {}))
            for pipeline in load_pipelines(project).values()
        ]
        if as_json:
            out.json(enveloped(pipelines=found))
        elif found:
            out.table(pipelines_table(found))
        else:
            say(f"no pipelines in {project.config.pipelines}/ yet: `ragflow init` makes one")


def _described(pipeline: Any, stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pipeline as JSON; what ragflow.toml states is its parameters' default."""
    schema = pipeline.parameters.schema()
    for name, value in stated.items():
        if name in schema["properties"]:
            schema["properties"][name]["default"] = plain(value)
    return {
        "name": pipeline.name,
        "description": pipeline.description,
        "schedule": None if pipeline.schedule is None else str(pipeline.schedule),
        "parameters": schema,
    }
