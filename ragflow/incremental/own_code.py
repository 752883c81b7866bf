"""Whose code is it: written here, or installed?

Own is what is neither Python's, nor ragflow's, nor an installed package's. That is every module
under the folder of ragflow.toml and the notebook, less the virtual environments that lie in that
folder; and, wherever they lie, packages installed as editable and folders put on the path by
hand, because their files are edited without a version that would tell.
"""

import importlib.util
import site
import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_MAIN = frozenset({"__main__", "__mp_main__"})


def is_own_module(name: str | None) -> bool:
    """Tell whether a module is neither Python's, nor ragflow's, nor of an installed package."""
    if name is None or name.partition(".")[0] in {"ragflow", "builtins"}:
        return False
    module = sys.modules.get(name)
    if module is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return True  # loaded from a file, and not put where imports look
        if spec is None:
            return True
        folders = spec.submodule_search_locations
        return _is_own_place(spec.origin, tuple(folders or ()))
    if name in _MAIN:
        return True
    return _is_own_place(getattr(module, "__file__", None), tuple(getattr(module, "__path__", ())))


def is_own(value: Any) -> bool:
    """Tell whether a function or class is own code."""
    if isinstance(value, FunctionType):
        # Not by `__module__`, which a decorator copies from what it wraps.
        return is_own_module(value.__globals__.get("__name__"))
    return is_own_module(value.__module__)


def _is_own_place(file: str | None, folders: tuple[str, ...]) -> bool:
    if file is None:  # a namespace package is nothing but its folders
        return any(map(is_own_file, folders))
    return is_own_file(file)


@lru_cache(maxsize=4096)
def is_own_file(file: str) -> bool:
    """Tell whether a file of code is neither Python's nor an installed package's."""
    if file in {"built-in", "frozen"}:
        return False
    place = Path(file).resolve()
    if not _INSTALLED.isdisjoint(place.parts):
        return False
    return not any(place.is_relative_to(folder) for folder in _installed_folders())


@lru_cache(maxsize=1)
def _installed_folders() -> tuple[Path, ...]:
    folders = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    return tuple(Path(each).resolve() for each in (*folders, site.getusersitepackages()))
