"""``ragflow init``: a project in an empty folder."""

from pathlib import Path

from ragflow.cli.output import results, say
from ragflow.config import FILE
from ragflow.errors import UsageError

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


def init_project() -> None:
    """Make this folder a project.

    Writes ragflow.toml, pipelines/quickstart.py and .gitignore; overwrites nothing.
    """
    root = Path.cwd()
    if (root / FILE).exists():
        raise UsageError(
            f"{str(root)!r} is a project already: it has a {FILE}",
            hint="`ragflow pipelines` lists what it defines",
        )
    template = _template("quickstart.py")
    files = {FILE: _TOML, f"pipelines/{template.name}": template.read_text(encoding="utf-8")}
    taken = [name for name in files if (root / name).exists()]
    if taken:
        raise UsageError(
            f"{' and '.join(taken)} would be overwritten",
            hint="move it away, or begin in an empty folder",
        )
    ignoring = root / ".gitignore"
    if not ignoring.exists():
        files[ignoring.name] = f"{_IGNORED}\n"
    elif _IGNORED not in ignoring.read_text(encoding="utf-8", errors="replace").split():
        say(f"note: .gitignore is left as it is; {_IGNORED} belongs into it")
    with results() as out:
        for name, text in files.items():
            _write(root / name, text)
            out.line(f"made {name}")
        out.line()
        out.line("next, with the folder of your documents:")
        out.line("  ragflow run quickstart -p folder=docs")
        out.line('  ragflow query quickstart "what you want to know"')


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
    """Return a ready-made pipeline: of the installed package, else of the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_pipelines"
    return (installed if installed.is_dir() else package.parent / "pipelines") / name
