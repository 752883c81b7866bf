"""Which straight lines are drawn on a PDF page?"""

import ctypes
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

from ragflow.parsing.pdf_lines import Frame

#: A page with more drawn on it is a drawing; so is a path with more to it.
_MOST_OBJECTS = 5_000
_MOST_POINTS = 4_000
_MOST_RULES = 600
#: In points: a rule is at least so long, and what is off by less is in one place.
_SHORTEST = 6.0
_NEAR = 2.0


class Rule(NamedTuple):
    """A straight line: where it is across its way, and from where to where it goes."""

    at: float
    start: float
    end: float


class Rules(NamedTuple):
    """The lines of a page, each kind in order of where it is; none of a page that has too many."""

    across: tuple[Rule, ...] = ()
    down: tuple[Rule, ...] = ()

    @property
    def cuts(self) -> list[float]:
        """Where something is ruled off from what stands left of it."""
        return [rule.at for rule in self.down]


def rules_on(page: Any, frame: Frame) -> Rules:
    """Return the horizontal and vertical lines of a page that PDFium has open.

    A rectangle is four of them, one that is thin is one. What is drawn in a form of its own is
    passed over.
    """
    across: list[Rule] = []
    down: list[Rule] = []
    for path in _paths(page):
        for (x0, y0), (x1, y1) in _straight(path):
            start, top, end, bottom = frame.placed(
                min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
            )
            if bottom - top < 0.5 and end - start >= _SHORTEST:
                across.append(Rule((top + bottom) / 2, start, end))
            elif end - start < 0.5 and bottom - top >= _SHORTEST:
                down.append(Rule((start + end) / 2, top, bottom))
    rules = Rules(tuple(_joined(across)), tuple(_joined(down)))
    return rules if len(rules.across) + len(rules.down) <= _MOST_RULES else Rules()


def _paths(page: Any) -> list[Any]:
    """Return what is drawn on a page, nothing of a page that is a drawing."""
    count = pdfium.FPDFPage_CountObjects(page)
    if count > _MOST_OBJECTS:
        return []
    paths = []
    left = _MOST_POINTS
    for index in range(count):
        path = pdfium.FPDFPage_GetObject(page, index)
        if pdfium.FPDFPageObj_GetType(path) == pdfium.FPDF_PAGEOBJ_PATH:
            left -= pdfium.FPDFPath_CountSegments(path)
            if left < 0:
                return []
            paths.append(path)
    return paths


def _straight(path: Any) -> Iterable[tuple[tuple[float, float], tuple[float, float]]]:
    """Yield both ends of each straight part of a path, in the page's coordinates."""
    matrix = pdfium.FS_MATRIX()
    if not pdfium.FPDFPageObj_GetMatrix(path, matrix):
        return
    x, y = ctypes.c_float(), ctypes.c_float()
    first = last = (0.0, 0.0)
    for index in range(pdfium.FPDFPath_CountSegments(path)):
        segment = pdfium.FPDFPath_GetPathSegment(path, index)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        point = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            first = point
        elif kind == pdfium.FPDF_SEGMENT_LINETO:
            yield last, point
        last = point
        if pdfium.FPDFPathSegment_GetClose(segment):
            yield last, first
            last = first


def _joined(rules: list[Rule]) -> Iterable[Rule]:
    """Yield the rules with those that lie on one another, or go on from one another, as one."""
    rules.sort()
    while_near: list[list[Rule]] = []
    for before, rule in pairwise([Rule(float("-inf"), 0.0, 0.0), *rules]):
        if rule.at - before.at > _NEAR:
            while_near.append([])
        while_near[-1].append(rule)
    for near in while_near:
        at = near[0].at
        near.sort(key=lambda rule: rule.start)
        start, end = near[0].start, near[0].end
        for rule in near[1:]:
            if rule.start > end + _NEAR:
                yield Rule(at, start, end)
                start, end = rule.start, rule.end
            end = max(end, rule.end)
        yield Rule(at, start, end)
