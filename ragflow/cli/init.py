"""``ragflow init``: a project in an empty folder."""

from pathlib import Path
from typing import Annotated

import typer

from ragflow.cli.output import results, say
from ragflow.config import FILE
from ragflow.errors import NotFoundError, UsageError

_TOML = """\
# A ragflow project: relative folders start here, and its state lies in .ragflow beside this
# file unless RAGFLOW_HOME names another folder. Everything below is what holds without it.

# pipelines = "pipelines"        # every .py file in it is searched for pipelines
# models = "models"              # further model specs

# [run]
# workers = 0                    # calls at the same time; 0 for one a core

# [parameters.quickstart]        # values for the parameters of a pipeline
# folder = "docs"
"""
_IGNORED = ".ragflow/"
#: What to type after a pipeline was made.
_NEXT = {
    "quickstart": """\
next, with the folder of your documents:
  ragflow run quickstart -p folder=docs
  ragflow query quickstart "what you want to know\"""",
}


WHICH = "A ready-made pipeline: quickstart, or one without documents: backup."
Which = Annotated[str, typer.Argument(metavar="[PIPELINE]", help=WHICH)]


def init_project(name: Which = "quickstart") -> None:
    """Make this folder a project, with a ready-made pipeline.

    In a project it adds the pipeline.

    Writes ragflow.toml, the pipeline and .gitignore; overwrites nothing.
    """
    root = Path.cwd()
    template = _template(name)
    is_new = not (root / FILE).exists()
    if not is_new and (root / "pipelines" / template.name).exists():
        raise UsageError(
            f"{str(root)!r} is a project already: it has a {FILE} and pipelines/{template.name}",
            hint="`ragflow pipelines` lists what it defines",
        )
    files = {f"pipelines/{template.name}": template.read_text(encoding="utf-8")}
    if is_new:
        files[FILE] = _TOML
    taken = [name for name in files if (root / name).exists()]
    if taken:
        raise UsageError(
            f"{' and '.join(taken)} would be overwritten",
            hint="move it away, or begin in an empty folder",
        )
    ignoring = root / ".gitignore"
    if not is_new:
        pass  # somebody decided what is ignored
    elif not ignoring.exists():
        files[ignoring.name] = f"{_IGNORED}\n"
    elif _IGNORED not in ignoring.read_text(encoding="utf-8", errors="replace").split():
        say(f"note: .gitignore is left as it is; {_IGNORED} belongs into it")
    with results() as out:
        for file, text in files.items():
            _write(root / file, text)
            out.line(f"made {file}")
        out.line()
        out.line(_NEXT.get(name, f"next:\n  ragflow run {name}"))


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(
            f"{str(file)!r} cannot be made: {error.strerror}",
            hint="check the permissions of the folder",
        ) from error


def _template(name: str) -> Path:
    """Return a ready-made pipeline: of the installed package, else of the checkout.

    Raises `NotFoundError` for one that is not there.
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "_pipelines"
    folder = installed if installed.is_dir() else package.parent / "pipelines"
    there = sorted(file.stem for file in folder.glob("*.py"))
    if name not in there:
        raise NotFoundError(
            f"there is no ready-made pipeline {name!r}", hint=f"one of: {', '.join(there)}"
        )
    return folder / f"{name}.py"
