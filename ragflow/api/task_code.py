"""What of a task counts, and what does not, for `ragflow why --code`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragflow.api.pipeline import Pipeline
from ragflow.api.project import find_pipeline, load_pipelines
from ragflow.config import Project
from ragflow.core.node import Node
from ragflow.core.parameters import plainly
from ragflow.errors import NotFoundError, UsageError
from ragflow.incremental.code_report import CodeReport, Counted, Kind
from ragflow.incremental.task_code import code_report
from ragflow.scheduling.definitions import code_of

#: What is said only so that nothing is taken for something else.
_UNSAID = frozenset({Kind.AGAIN})


def describe_code(
    project: Project, task: str, *, pipeline: str | None, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """Return what names a task: its code, parameters and resources, as JSON can say it.

    Looks in every pipeline of the project unless one is named. Raises `NotFoundError` for a task
    there is not, `UsageError` where pipelines have tasks of that name that differ, and
    `FingerprintError` where its code reads what cannot be followed.
    """
    looked = [find_pipeline(project, pipeline)] if pipeline else load_pipelines(project).values()
    found: dict[str, dict[str, Any]] = {}
    known: dict[str, None] = {}
    for each in looked:
        if pipeline is None and not parameters.keys() <= each.parameters.by_name.keys():
            continue
        nodes = _graph_of(each, project, parameters)
        known.update(dict.fromkeys(nodes))
        if task in nodes:
            found[each.name] = _described(nodes[task], project.root)
    if not found:
        where = f"the pipeline {pipeline!r}" if pipeline else "any pipeline"
        raise NotFoundError(
            f"there is no task {task!r} in {where}", hint=f"tasks: {', '.join(known) or 'none'}"
        )
    first, *others = found
    if any(found[other] != found[first] for other in others):
        raise UsageError(
            f"the pipelines {', '.join(found)} have tasks called {task!r} that differ",
            hint=f"name one: --pipeline {first}",
        )
    return {"task": task, "pipelines": list(found), **found[first]}


def _graph_of(
    pipeline: Pipeline, project: Project, parameters: Mapping[str, str]
) -> Mapping[str, Node]:
    pipeline.parameters.check_names(parameters)
    others = pipeline.parameters.by_name.keys() - parameters.keys()
    given = pipeline.parameters.without(others).convert(parameters, texts=True)
    stated = project.config.parameters.get(pipeline.name, {})
    folders = (str(project.root / project.config.models),)
    graph = pipeline.graph(**{**stated, **given}).surrounded(model_folders=folders)
    return graph.nodes


def _described(node: Node, root: Path) -> dict[str, Any]:
    code = code_of(node)
    report = CodeReport(b"", [], []) if code is None else code_report(*code)
    place = None if node.task is None else node.task.place
    counted = {name: value for name, value in node.parameters.items() if name != place}
    return {
        "fingerprint": report.fingerprint.hex(),
        "counts": [_line(each, root) for each in report.counted if each.kind not in _UNSAID],
        "parameters": plainly(counted),
        "resources": plainly(node.identities()),
        "not_followed": [
            {"name": each.name, "reason": each.reason.value, "path": each.path}
            for each in report.missed
        ],
    }


def _line(counted: Counted, root: Path) -> dict[str, Any]:
    file, line = counted.place or (None, None)
    if file is not None and Path(file).is_relative_to(root):
        file = Path(file).relative_to(root).as_posix()
    return {
        "kind": counted.kind.value,
        "path": counted.path,
        "value": str(counted.shown),
        "file": file,
        "line": line,
    }
