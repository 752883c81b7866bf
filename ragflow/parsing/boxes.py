"""Where on a page does something stand?"""

from collections.abc import Iterable

from ragflow.documents import Box


def around(boxes: Iterable[Box]) -> Box:
    """Return the smallest box around all of them, of which there is at least one."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def rounded(box: Box, *, scale: float = 1.0) -> Box:
    """Return the box, in units `scale` times as large, to hundredths of a point."""
    left, top, right, bottom = box
    return (
        round(left * scale, 2),
        round(top * scale, 2),
        round(right * scale, 2),
        round(bottom * scale, 2),
    )
