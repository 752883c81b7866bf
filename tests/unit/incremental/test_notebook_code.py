"""In a notebook what counts is what the cells made last, cell by cell."""

import pytest

CELL = '''
from typing import Annotated
from msgspec import Meta, Struct
from ragflow import task
from ragflow.incremental.task_code import code_report
LIMIT = 3

def helper(text):
    """Clean it."""
    found = text.strip()
    return found[:LIMIT]

class Rule:
    size = 3
    def cut(self, text):
        return text[: self.size]

class Bounded(Struct):
    size: Annotated[int, Meta(le=9)] = 3
'''
TASK = """
@task
def shorten(text: str) -> str:
    return Rule().cut(helper(text)) * Bounded().size
"""
NAME = """
report = code_report(shorten.function)
print(report.fingerprint.hex(), *sorted({each.kind for each in report.counted}))
"""

#: What is run after the cells above, and whether it changes what the task does.
CELLS = {
    "the same cell again": (CELL, False),
    "the task's cell again": (TASK, False),
    "with a comment": (CELL.replace("    found =", "    # a comment\n    found ="), False),
    "with another docstring": (CELL.replace("Clean it.", "Make it clean."), False),
    "with another local name": (CELL.replace("found", "result"), False),
    "below something else": ("import os\n%time 1\n" + CELL, False),
    "with await at its top": ("import asyncio\nawait asyncio.sleep(0)\n" + CELL, False),
    "a helper alone": ("def helper(text):\n    return text.strip()[:LIMIT]", True),
    "a helper as it was": (CELL, False),
    "a global": ("LIMIT = 4", True),
    "the global as it was": ("LIMIT = 3", False),
    "a method": (CELL.replace("[: self.size]", "[self.size :]"), True),
    "an attribute of a class": (CELL.replace("size = 3", "size = 4"), True),
    "the class as it was": (CELL, False),
    "a limit of a field": (CELL.replace("le=9", "le=8"), True),
    "the limit as it was": (CELL, False),
    "the task itself": (TASK.replace("cut(helper(text))", "cut(text)"), True),
    "the task as it was": (TASK, False),
    "annotations that are text from here on": ("from __future__ import annotations", False),
    "a cell that inherits them": (CELL, False),
}


@pytest.mark.filterwarnings("ignore")  # what Jupyter's own libraries warn of is theirs to mend
def test_a_task_is_named_by_what_the_cells_made_last():
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    cells = [CELL, TASK, NAME]
    for cell, _ in CELLS.values():
        cells += [cell, NAME]
    book = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    # What a cell prints may come in several pieces.
    said = [
        "".join(each["text"] for each in cell.outputs).split()
        for cell in book.cells
        if cell.source == NAME
    ]
    first, *others = [name for name, *_ in said]
    changed = {case: name != first for case, name in zip(CELLS, others, strict=True)}
    assert changed == {case: is_other for case, (_, is_other) in CELLS.items()}
    # Read from the cells, and not from bytecode for want of them.
    assert all("function" in kinds and "bytecode" not in kinds for _, *kinds in said)
