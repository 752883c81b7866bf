"""What does a call ask for while it runs, and does it fit into what there is?

Needs, use and limits are each a small mapping of a resource's name to an amount: cores under
``cpu``, bytes under ``memory``, accelerators under ``gpu``, slots under the name of a pool.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ragflow.errors import PipelineError

Needs = Mapping[str, float]
Limits = Mapping[str, float]

#: What a machine has; every other name is a pool.
MACHINE = ("cpu", "memory", "gpu")

# Tenths of a core need not add up to a core to the last bit.
_SLACK = 1e-9

_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE | re.ASCII)


def read_size(value: Any) -> int:
    """Return the bytes that ``"512 MB"``, ``"2 GiB"`` or a plain number stands for.

    Raises `PipelineError` for anything else, and for less than one byte.
    """
    size = 0.0
    if isinstance(value, str):
        found = _SIZE.fullmatch(value)
        if found:
            size = float(found[1]) * _UNITS.get(found[2].lower(), 0)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        size = value
    if not 1 <= size < math.inf:
        raise PipelineError(
            f"{value!r} is no size", hint='write a number of bytes, "512 MB" or "2 GiB"'
        )
    return int(size)


def show_amount(name: str, amount: float) -> str:
    """Return an amount as a person reads it: ``memory 2 GB``, ``gpu 1``."""
    if name != "memory":
        return f"{name} {amount:g}"
    unit = next((u for u in ("tb", "gb", "mb", "kb") if amount >= _UNITS[u]), "b")
    return f"{name} {amount / _UNITS[unit]:.4g} {unit.upper().replace('KB', 'kB')}"


def show_size(size: float) -> str:
    """Return a number of bytes as a person reads it: ``512 MiB``, ``1.5 GB``, ``17 bytes``."""
    for unit, name in (("gib", "GiB"), ("mib", "MiB"), ("kib", "KiB")):
        if size and size % _UNITS[unit] == 0:
            return f"{size / _UNITS[unit]:.0f} {name}"
    for unit, name in (("gb", "GB"), ("mb", "MB"), ("kb", "kB")):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.4g} {name}"
    return f"{size:.0f} bytes"


def read_needs(owner: str, declared: Any) -> Needs:
    """Return what a task says it needs, as numbers.

    Memory may be a text with a unit. Raises `PipelineError` for a name that is no text, and an
    amount that is no number or below zero.
    """
    if not isinstance(declared, Mapping):
        raise PipelineError(
            f"{owner} was given needs={declared!r}",
            hint='name resources and amounts: needs={"cpu": 1, "memory": "2 GB", "llm": 1}',
        )
    needs: dict[str, float] = {}
    for name, amount in declared.items():
        if not isinstance(name, str) or not name:
            raise PipelineError(
                f"{owner} needs {name!r}, which names no resource",
                hint="name cpu, memory, gpu or a pool of ragflow.toml",
            )
        if name == "memory" and isinstance(amount, str):
            needs[name] = read_size(amount)
            continue
        is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not is_number or not 0 <= amount < math.inf:
            raise PipelineError(
                f"{owner} needs {amount!r} of {name!r}, which is no amount",
                hint="amounts are numbers from 0 on; memory may be a text such as '2 GB'",
            )
        needs[name] = amount
    return needs


def total(open_needs: Iterable[Needs]) -> dict[str, float]:
    """Return what is in use: the sum over the assignments that are open.

    Use is added up anew from what is open, and never counted up and down, so that nothing can
    leak.
    """
    use: dict[str, float] = {}
    for needs in open_needs:
        for name, amount in needs.items():
            use[name] = use.get(name, 0.0) + amount
    return use


def fits(use: Needs, needs: Needs, limits: Limits) -> bool:
    """Tell whether a call fits beside what is in use: with all it needs, or not at all.

    A resource without a limit is never short, and one that is not asked for holds nobody up,
    even where more than its limit is in use.
    """
    return all(
        amount == 0 or use.get(name, 0.0) + amount <= limits.get(name, math.inf) * (1 + _SLACK)
        for name, amount in needs.items()
    )


def check_needs(owner: str, needs: Needs, limits: Limits) -> None:
    """Raise `PipelineError` for needs that can never be met, naming both need and limit."""
    for name, amount in needs.items():
        if name not in MACHINE and name not in limits:
            pools = ", ".join(sorted(set(limits) - set(MACHINE)))
            raise PipelineError(
                f"{owner} needs the pool {name!r}, which is not declared",
                hint=f"add `{name} = 4` under [pools] in ragflow.toml; pools: {pools or 'none'}",
            )
        if not fits({}, {name: amount}, limits):
            where = "[limits]" if name in MACHINE else "[pools]"
            raise PipelineError(
                f"{owner} needs {show_amount(name, amount)}, "
                f"more than the limit of {show_amount(name, limits[name])}",
                hint=f"ask for less, or raise {name} under {where} in ragflow.toml",
            )
