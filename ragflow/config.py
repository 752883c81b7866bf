"""Where is the project, where is its home, and what does ragflow.toml say?

The only module that reads the environment, beside `secrets`.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ragflow.errors import UsageError

FILE = "ragflow.toml"


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which store of a kind is used."""

    #: Name of the plugin.
    plugin: str


class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How runs use the machine."""

    #: Calls at the same time; 0 for one a core.
    workers: Annotated[int, msgspec.Meta(ge=0)] = 0


class ProjectConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ragflow.toml may say."""

    #: Folder of the pipelines, from the folder of ragflow.toml.
    pipelines: str = "pipelines"
    #: Folder of further model specs.
    models: str = "models"
    metadata: StoreConfig = StoreConfig("sqlite")
    artifacts: StoreConfig = StoreConfig("folder")
    vectors: StoreConfig = StoreConfig("chroma")
    run: RunConfig = RunConfig()
    #: Values of parameters, by pipeline.
    parameters: Mapping[str, Mapping[str, Any]] = {}


class Project(msgspec.Struct, frozen=True):
    """A folder with a ragflow.toml, and the home that keeps its state."""

    root: Path
    home: Path
    config: ProjectConfig


def find_project(start: Path | None = None) -> Project:
    """Find ragflow.toml in `start` (the working directory) or above, as git does.

    ``RAGFLOW_HOME`` says where the home is; else it is ``.ragflow`` beside the file. With
    ``RAGFLOW_HOME`` no file is needed. Raises `UsageError` when there is neither, and for a
    file that cannot be understood.
    """
    here = (start or Path.cwd()).absolute()
    stated = os.environ.get("RAGFLOW_HOME")
    home = Path(stated).expanduser().absolute() if stated else None
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return Project(folder, home or folder / ".ragflow", _read(folder / FILE))
    if home is None:
        raise UsageError(
            f"there is no {FILE} in {here} or any folder above",
            hint="run `ragflow init` here, or set RAGFLOW_HOME",
        )
    return Project(here, home, ProjectConfig())


def _read(file: Path) -> ProjectConfig:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
        return msgspec.convert(values, ProjectConfig)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: {error}", hint="see the README for what it may say") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def quiet_libraries() -> None:
    """Turn off what libraries would tell others or print, before any of them is imported."""
    os.environ.update(
        ANONYMIZED_TELEMETRY="False",
        CHROMA_TELEMETRY="False",
        DO_NOT_TRACK="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        TOKENIZERS_PARALLELISM="false",
    )


def stay_offline() -> None:
    """Let no library of this process ask a hub, unless the environment says otherwise.

    For commands only: an application that embeds ragflow decides for itself.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1
