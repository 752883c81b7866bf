"""Where is the project, where is its home, and what does ragflow.toml say?

The only module that reads the environment, beside `secrets`.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ragflow.core.needs import MACHINE, Limits, read_size
from ragflow.core.rates import Rate, is_written_out, read_rate
from ragflow.core.shares import read_share
from ragflow.cores import usable_cores
from ragflow.errors import NotFoundError, PipelineError, UsageError
from ragflow.scheduling.schedules import read_schedule

FILE = "ragflow.toml"


class StoreConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which store of a kind is used."""

    #: Name of the plugin.
    plugin: str


class RunConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How runs use the machine."""

    #: Calls at the same time; 0 for one a core.
    workers: Annotated[int, msgspec.Meta(ge=0)] = 0


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What calls may use at the same time, where it is not what the machine has."""

    #: Cores; as many as there are workers unless said.
    cpu: Annotated[float, msgspec.Meta(gt=0)] | None = None
    #: Bytes, or a text such as ``"8 GB"``; all memory of the machine unless said.
    memory: str | int | None = None
    #: Accelerators; calls that ask for one take turns unless said.
    gpu: Annotated[float, msgspec.Meta(ge=0)] = 1


class MemosConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long is kept what nothing needs any more."""

    #: Days that a memo stays after no document needs it any more.
    keep_days: Annotated[int, msgspec.Meta(ge=0)] = 30


class HistoryConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long is kept what happened in runs."""

    #: Days that logs, failed attempts and reasons stay; runs and the audit stay for good.
    keep_days: Annotated[int, msgspec.Meta(ge=0)] = 90


class GuardsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run may do without being told that it may."""

    #: The share of its documents that a source may lose: with ``"100%"`` all but an empty listing.
    deletions: str = "20%"
    #: The share of unchanged documents that may be made again because code, a version or a
    #: model changed.
    redo: str = "20%"
    #: The most that the calls with a price may cost, in what their tasks count (tokens).
    max_cost: Annotated[int, msgspec.Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        for name in ("deletions", "redo"):
            share = getattr(self, name)
            try:
                read_share(share)
            except ValueError as error:
                raise PipelineError(
                    f"[guards] {name} = {share!r} is no percentage", hint='write "20%"'
                ) from error


class InstanceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pipeline with parameters under a name of its own, and when it runs by itself."""

    #: What its state is kept under.
    name: Annotated[str, msgspec.Meta(min_length=1)]
    #: The pipeline's name; that of the instance unless said.
    pipeline: str | None = None
    parameters: Mapping[str, Any] = {}
    #: A cron expression in UTC, or a table of what `Schedule` takes; by hand alone unless said.
    schedule: str | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.schedule is None:
            return
        try:
            read_schedule(self.schedule)
        except PipelineError as error:
            raise PipelineError(f"[[instances]] {self.name!r}: {error}", hint=error.hint) from error


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
    memos: MemosConfig = MemosConfig()
    history: HistoryConfig = HistoryConfig()
    limits: LimitsConfig = LimitsConfig()
    guards: GuardsConfig = GuardsConfig()
    #: Slots of each pool: how many calls that ask for it run at the same time.
    pools: Mapping[str, Annotated[int, msgspec.Meta(ge=1)]] = {}
    #: How many calls may begin in a time, by the name tasks use: ``"60/min"``.
    rates: Mapping[str, str] = {}
    #: Values of parameters, by pipeline.
    parameters: Mapping[str, Mapping[str, Any]] = {}
    #: Pipelines that run under other names, with other parameters or by themselves.
    instances: tuple[InstanceConfig, ...] = ()

    def __post_init__(self) -> None:
        names = [instance.name for instance in self.instances]
        for name in names:
            if names.count(name) > 1:
                raise PipelineError(
                    f"two [[instances]] are called {name!r}",
                    hint="rename one: its state is kept under its name",
                )
        if self.limits.memory is not None:
            read_size(self.limits.memory)
        for name in self.pools:
            if name in MACHINE:
                raise PipelineError(
                    f"a pool cannot be called {name!r}, as what a machine has is",
                    hint=f"give the pool another name, or write {name} under [limits]",
                )
        for name in self.rates:
            if is_written_out(name):
                raise PipelineError(
                    f"a rate cannot be called {name!r}, which is one written out",
                    hint='give it a name without "/"',
                )
        self.read_rates()

    def read_rates(self) -> dict[str, Rate]:
        """Return the declared rates by name."""
        return {name: read_rate(rate) for name, rate in self.rates.items()}


class Project(msgspec.Struct, frozen=True):
    """A folder with a ragflow.toml, and the home that keeps its state."""

    root: Path
    home: Path
    config: ProjectConfig


def find_project(start: Path | None = None) -> Project:
    """Find ragflow.toml in `start` (the working directory) or above, as git does.

    ``RAGFLOW_HOME`` says where the home is; else it is ``.ragflow`` beside the file. With
    ``RAGFLOW_HOME`` no file is needed. Raises `NotFoundError` when there is neither, and
    `UsageError` for a file that cannot be understood.
    """
    here = (start or Path.cwd()).absolute()
    stated = os.environ.get("RAGFLOW_HOME")
    home = Path(stated).expanduser().absolute() if stated else None
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return Project(folder, home or folder / ".ragflow", _read(folder / FILE))
    if home is None:
        raise NotFoundError(
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
    except PipelineError as error:
        raise UsageError(f"{file}: {error}", hint=error.hint) from error
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


def write_below(folder: Path) -> None:
    """Let this process and the programs it starts put temporary files into a folder."""
    import tempfile  # 3 ms that start-up is spared

    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = str(folder)


def stay_offline() -> None:
    """Let no library of this process ask a hub, unless the environment says otherwise.

    For commands only: an application that embeds ragflow decides for itself.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")


def limits_of(config: ProjectConfig) -> Limits:
    """Return how much of each resource the calls of a run may use together.

    What the file leaves out is what the machine has; memory that cannot be found out has no
    limit.
    """
    stated = config.limits
    cpu = stated.cpu or config.run.workers or usable_cores()
    limits: dict[str, float] = {"cpu": cpu, "gpu": stated.gpu, **config.pools}
    memory = _memory() if stated.memory is None else read_size(stated.memory)
    return limits if memory is None else {**limits, "memory": memory}


def _memory() -> int | None:
    """Return the bytes of memory this process may use: of its container, else of the machine."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on every system
        return None
    try:
        return min(machine, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or one without a limit: "max"
        return machine
