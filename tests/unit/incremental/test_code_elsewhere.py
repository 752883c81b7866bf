"""Fingerprints of code are the same in every process, in every folder, for every user."""

import os
import subprocess
import sys
from pathlib import Path

TEXT = """
import re
from dataclasses import dataclass
from enum import Enum
from functools import partial, singledispatch
P = re.compile('a')
NAMES = {'a', 'b', 'c'}
class Mode(Enum):
    FAST = frozenset({'x', 'y', 'z'})
@dataclass(frozen=True)
class C:
    size: int = 3
    def m(self):
        return NAMES, Mode.FAST
def one(text): return text + 'one'
def two(text): return text + 'two'
@singledispatch
def kind(text): return text
@kind.register
def _(text: int): return {'r', 's', 't'}
@kind.register
def _(text: float): return {'u', 'v', 'w'}
pair = (lambda t: t in {'x', 'y', 'z'}, lambda t: [u for u in t])
RULES = {one, two, pair[1], C(), C(4), C(5)}
BY_TYPE = {int: one, str: two, C: len, None: partial(one, size={'d', 'e', 'f'})}
def f(text: str) -> str:
    return C().m(), P, text in {'q', 'r'}, RULES, BY_TYPE, kind(text)
def g(text: str) -> bool:
    return h(text)
h = pair[0]
space = {'__name__': __name__}
exec("def unread(text):\\n    return text in {'g', 'h', 'i'}", space)
unread = space['unread']
"""
SCRIPT = """
import own_stable as o
from ragflow.incremental.task_code import code_fingerprint as c
print(c(o.f).hex(), c(o.g).hex(), c(o.unread).hex())
"""


def test_names_of_code_depend_on_no_process_and_no_folder(tmp_path: Path):
    found = set()
    for seed in ("0", "1", "77"):
        folder = tmp_path / seed / ("deep" * int(seed != "0"))
        folder.mkdir(parents=True)
        (folder / "own_stable.py").write_text("#\n" * int(seed) + TEXT)
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(folder)},
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    assert len(found) == 1
