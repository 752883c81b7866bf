"""Which pipelines does a project define?"""

import difflib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ragflow.api.pipeline import Pipeline
from ragflow.config import Project
from ragflow.errors import NotFoundError, PipelineError, RagflowError


def load_pipelines(project: Project) -> dict[str, Pipeline]:
    """Import every file of the pipelines folder and return the pipelines, by name.

    Files may import from each other and from the folder of ragflow.toml. Raises
    `PipelineError` for a file that raises, naming its line, and for two pipelines of one name,
    naming both files.
    """
    root = str(project.root)
    if root not in sys.path:
        sys.path.insert(0, root)
    found: dict[str, Pipeline] = {}
    files: dict[str, Path] = {}
    for file in pipeline_files(project):
        for value in vars(_import(file, project.root)).values():
            if not isinstance(value, Pipeline) or found.get(value.name) is value:
                continue
            if value.name in found:
                where = " and ".join(
                    sorted({_shown(files[value.name], project), _shown(file, project)})
                )
                raise PipelineError(
                    f"two pipelines are called {value.name!r}, in {where}",
                    hint="rename one: its state is kept under its name",
                )
            found[value.name] = value
            files[value.name] = file
    return dict(sorted(found.items()))


def find_pipeline(project: Project, name: str) -> Pipeline:
    """Return one pipeline of the project.

    Raises `NotFoundError` with the nearest name and the known ones.
    """
    found = load_pipelines(project)
    if name in found:
        return found[name]
    near = difflib.get_close_matches(name, found, n=1)
    if found:
        meant = f"did you mean {near[0]!r}? " if near else ""
        hint = f"{meant}pipelines: {', '.join(found)}"
    else:
        hint = f"define one in {_shown(_folder(project), project)}/, or run `ragflow init`"
    raise NotFoundError(f"there is no pipeline {name!r}", hint=hint)


def pipeline_files(project: Project) -> list[Path]:
    """Return the files of the pipelines folder, by name; none where there is no folder."""
    # A hidden name is what an editor left; a package's own file defines nothing to run.
    return sorted(
        file
        for file in _folder(project).glob("*.py")
        if not file.name.startswith(".") and file.name != "__init__.py"
    )


def _folder(project: Project) -> Path:
    return project.root / project.config.pipelines


def _shown(path: Path, project: Project) -> str:
    return str(path.relative_to(project.root) if path.is_relative_to(project.root) else path)


def _import(file: Path, root: Path) -> ModuleType:
    """Import a file under the name that `import` would give it from the project's folder.

    So a file imported by another one is the same module, and the name, which fingerprints of
    code see, says nothing of where the project lies.
    """
    folder = file.parent
    parts = folder.relative_to(root).parts if folder.is_relative_to(root) else (folder.name,)
    name = wanted = ".".join([*parts, file.stem])
    number = 1
    while (known := sys.modules.get(name)) is not None:
        if _is_from(known, file):
            return known
        number += 1
        name = f"{wanted}@{number}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        del sys.modules[name]
        raise
    except BaseException as error:  # SystemExit too: a file that exits defines nothing
        del sys.modules[name]
        raise _faulty(file, error, root) from error
    return module


def _is_from(module: ModuleType, file: Path) -> bool:
    place = getattr(module, "__file__", None)
    return place is not None and Path(place) == file


def _faulty(file: Path, error: BaseException, root: Path) -> PipelineError:
    """Return what went wrong where in the user's code, in one line."""
    where, line = file, None
    for frame in traceback.extract_tb(error.__traceback__):
        if _is_own(Path(frame.filename), root):
            where, line = Path(frame.filename), frame.lineno
    if isinstance(error, SyntaxError) and error.filename:
        where, line = Path(error.filename), error.lineno
    shown = where.relative_to(root) if where.is_relative_to(root) else where
    place = str(shown) if line is None else f"{shown}:{line}"
    if isinstance(error, RagflowError):
        return PipelineError(f"{place}: {error}", hint=error.hint)
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return PipelineError(
        f"{place}: {' '.join(what.split())}",
        hint="correct that line; --debug shows how it came there",
    )


def _is_own(place: Path, root: Path) -> bool:
    """Tell whether code was written for the project, wherever its environment lies."""
    installed = "site-packages" in place.parts or place.is_relative_to(Path(__file__).parents[1])
    return place.is_relative_to(root) and not installed
