"""How is a task run? Everything a user may say about it, checked where it is said."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Literal

import msgspec

from ragflow.core.handles import Handle
from ragflow.core.needs import Needs, read_needs, read_size
from ragflow.core.rates import is_written_out, read_rate
from ragflow.core.retry import Retry
from ragflow.core.rules import Rule
from ragflow.errors import PipelineError

#: Executors that run calls in the scheduler's own process, where no limit can be kept.
IN_PROCESS = ("inline", "threads")


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long a call may wait and take.

    In a process an attempt that takes longer is killed. A thread cannot be: it is let go, so
    that what it returns in the end is dropped, and another takes its slot. A run in which 32
    such threads go on ends with an error.
    """

    #: From ready to begun, each time it waits for a slot.
    queue: timedelta | None = None
    #: One attempt.
    attempt: timedelta | None = None
    #: All attempts, with the pauses between them.
    total: timedelta | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value: Any = getattr(self, name)
            is_time = isinstance(value, timedelta) and value > timedelta(0)
            if value is not None and not is_time:
                raise PipelineError(
                    f"Timeouts: {name}={value!r} is no time to wait for",
                    hint=f"write {name}=seconds(30) or {name}=minutes(2)",
                )

    @property
    def is_none(self) -> bool:
        """Whether a call may take as long as it takes."""
        return self.queue is None and self.attempt is None and self.total is None


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a task is run; never what it computes.

    Made by `check_options`, which brings what users may write to one form.
    """

    #: Name in the pipeline; the function's by default.
    name: str | None = None
    #: ``inline`` for what is too small to hand over, ``threads``, ``processes``, or a plugin's.
    executor: str = "threads"
    #: Whether outcomes are remembered; ``home`` lets a step be remembered beyond its run.
    memo: bool | Literal["home"] = True
    #: Tasks that must be over before this one begins.
    after: tuple[Handle, ...] = ()
    #: What must have become of what a call waits for.
    when: Rule = Rule.ALL_SUCCEEDED
    #: What a plan does with it: run it, or only count its calls.
    plan: Literal["run", "count"] = "run"
    #: What the ledger knows a source task by; needed from a pipeline's second source on.
    source: str | None = None
    #: Most parts of one call of a batch task.
    batch: int = 256
    #: Longest wait for a batch to fill; None while anything under way could fill it.
    linger: timedelta | None = None
    #: A `Retry`; or how many further attempts there are after the first.
    retries: Retry = Retry()
    #: `Timeouts`; or the time one attempt may take.
    timeout: Timeouts = Timeouts()
    #: What a call asks for: ``{"cpu": 1, "memory": "2 GB", "gpu": 1}`` and slots of pools.
    needs: Needs = {}
    #: A pool of which a call takes one slot.
    pool: str | None = None
    #: How many calls may begin in a time: ``"10/min"``, or the name of a rate in ragflow.toml.
    rate: str | None = None
    #: Ready calls of a higher one go first.
    priority: int = 0
    #: Most calls at the same time.
    limit: int | None = None
    #: Most memory of a call, in bytes or as ``"2 GB"``; kept by processes.
    memory_limit: int | None = None
    #: Most that a call may return, in bytes or as ``"512 MB"``; kept by processes.
    output_limit: int | None = None
    #: Whether a call may reach the network; False is kept by processes.
    network: bool = True
    #: Told what a call is given, whether it is harmless: then it stays in the scheduler's process
    #: whatever its executor, and no limit is kept. Must return at once.
    trusted: Callable[..., bool] | None = None
    #: Whether a limit is refused that the executor does not keep here; else it is left out.
    strict: bool = True

    @property
    def asks(self) -> Needs:
        """What a call was said to need, its pool among it."""
        return dict(self.needs) if self.pool is None else {self.pool: 1, **self.needs}


#: Options of one plain type, which msgspec checks.
_PLAIN: Mapping[str, Any] = {
    "name": str | None,
    "executor": str,
    "memo": bool | Literal["home"],
    "plan": Literal["run", "count"],
    "source": str | None,
    "batch": int,
    "pool": str | None,
    "rate": str | None,
    "priority": int,
    "limit": int | None,
    "network": bool,
    "strict": bool,
}

#: Limits, with what they are where there is none.
_LIMITLESS: Mapping[str, Any] = {
    "timeout": Timeouts(),
    "memory_limit": None,
    "output_limit": None,
    "network": True,
}


def check_names(owner: str, options: Iterable[str], *, hint: str = "") -> None:
    """Raise `PipelineError` for an option there is not."""
    known = Options.__struct_fields__
    unknown = [name for name in options if name not in known]
    if unknown:
        raise PipelineError(
            f"{owner} has no option {unknown[0]!r}",
            hint=f"options: {', '.join(known)}" + (f"; {hint}" if hint else ""),
        )


def check_options(owner: str, given: Mapping[str, Any]) -> Options:
    """Return the options in their one form; `owner` is named in errors.

    Raises `PipelineError` for a value that an option does not take, and for options that
    contradict each other.
    """
    checked = {name: _plain(owner, name, given[name]) for name in _PLAIN.keys() & given.keys()}
    for name, read in _READ.items():
        if name in given:
            checked[name] = read(owner, given[name])
    for name in ("memory_limit", "output_limit"):
        checked[name] = _bytes(owner, name, given.get(name))
    options = Options(**checked)
    if not options.strict and options.executor in IN_PROCESS:
        options = msgspec.structs.replace(options, **_LIMITLESS)
    _check_amounts(owner, options)
    _check_executor(owner, options)
    return options


def changed(owner: str, options: Options, changes: Mapping[str, Any]) -> Options:
    """Return the options with these changes, checked as `check_options` does.

    Who names a limit together with an executor in this process means it: it is refused.
    """
    now = {name: getattr(options, name) for name in Options.__struct_fields__}
    stays = changes.get("executor", options.executor) in IN_PROCESS
    if stays and not options.strict and not _LIMITLESS.keys().isdisjoint(changes):
        now = {**now, **_LIMITLESS, "strict": True}
    return check_options(owner, {**now, **changes})


def without(options: Options, limits: Iterable[str]) -> dict[str, Any]:
    """Return all options as they are said, with no such limits; for one that is not strict."""
    said = {name: getattr(options, name) for name in Options.__struct_fields__}
    return {**said, **{name: _LIMITLESS[name] for name in limits}, "strict": False}


def _plain(owner: str, name: str, value: Any) -> Any:
    try:
        return msgspec.convert(value, _PLAIN[name])
    except msgspec.ValidationError as error:
        why = str(error).replace("Expected", "expected", 1)
        raise PipelineError(
            f"{owner} was given an option it does not take: {name}={value!r}, {why}"
        ) from error


def _after(owner: str, value: Any) -> tuple[Handle, ...]:
    after = (value,) if isinstance(value, Handle) else value
    if not isinstance(after, list | tuple) or not all(isinstance(each, Handle) for each in after):
        raise PipelineError(
            f"{owner} cannot wait with after={after!r}",
            hint="after= takes what tasks returned: after=first, or after=(first, second)",
        )
    return tuple(after)


def _when(owner: str, value: Any) -> Rule:
    try:
        return Rule(value)
    except ValueError as error:
        raise PipelineError(
            f"{owner} cannot begin with when={value!r}",
            hint=f"rules: {', '.join(Rule)}",
        ) from error


def _retries(owner: str, value: Any) -> Retry:
    if value is None:
        return Retry()
    if isinstance(value, Retry):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise PipelineError(
            f"{owner} cannot be tried again with retries={value!r}",
            hint="write how many further attempts there are, from 0 on, or Retry(attempts=3)",
        )
    return Retry(attempts=value + 1)


def _timeout(owner: str, value: Any) -> Timeouts:
    if value is None:
        return Timeouts()
    if isinstance(value, Timeouts):
        return value
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise PipelineError(
            f"{owner} cannot end after timeout={value!r}",
            hint="write timeout=minutes(2), or timeout=Timeouts(queue=..., attempt=..., total=...)",
        )
    return Timeouts(attempt=value)


def _linger(owner: str, value: Any) -> timedelta | None:
    if value is not None and (not isinstance(value, timedelta) or value < timedelta(0)):
        raise PipelineError(
            f"{owner} cannot wait with linger={value!r} for a batch to fill",
            hint="write linger=seconds(0.2); 0 gathers nothing that is not there",
        )
    return value


def _trusted(owner: str, value: Any) -> Callable[..., bool] | None:
    if value is not None and not callable(value):
        raise PipelineError(
            f"{owner} cannot ask trusted={value!r} what is harmless",
            hint="give it a function that is told what a call is given and returns a bool",
        )
    found: Callable[..., bool] | None = value
    return found


_READ: Mapping[str, Any] = {
    "trusted": _trusted,
    "after": _after,
    "when": _when,
    "retries": _retries,
    "timeout": _timeout,
    "linger": _linger,
    "needs": read_needs,
}


def _bytes(owner: str, name: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        return read_size(value)
    except PipelineError as error:
        raise PipelineError(f"{owner}: {name}: {error}", hint=error.hint) from error


def _check_amounts(owner: str, options: Options) -> None:
    if options.batch < 1:
        raise PipelineError(f"{owner} cannot be called with batch={options.batch} parts")
    if options.limit is not None and options.limit < 1:
        raise PipelineError(
            f"{owner} could never be called with limit={options.limit}",
            hint="leave it out for no limit of its own",
        )
    for name in ("executor", "pool", "rate"):
        if getattr(options, name) == "":
            raise PipelineError(f"{owner} was given no name in {name}=''", hint="leave it out")
    if options.pool is not None and options.pool in options.needs:
        raise PipelineError(
            f"{owner} asks for the pool {options.pool!r} twice, in pool= and in needs=",
            hint="needs= says how many slots, pool= asks for one; keep one of them",
        )
    if options.rate is not None and is_written_out(options.rate):
        try:
            read_rate(options.rate)
        except PipelineError as error:
            raise PipelineError(f"{owner}: rate: {error}", hint=error.hint) from error


def _check_executor(owner: str, options: Options) -> None:
    if options.executor == "inline" and not options.timeout.is_none:
        raise PipelineError(
            f"{owner} has a timeout, which the executor 'inline' cannot keep",
            hint='executor="processes" ends what takes too long, "threads" stops waiting for it',
        )
    limits = {
        "memory_limit": options.memory_limit is not None,
        "output_limit": options.output_limit is not None,
        "network=False": not options.network,
    }
    stated = next((name for name, is_stated in limits.items() if is_stated), None)
    if stated is not None and options.executor in IN_PROCESS:
        raise PipelineError(
            f"{owner} has {stated}, which the executor {options.executor!r} cannot keep",
            hint='limits are kept with executor="processes"',
        )
