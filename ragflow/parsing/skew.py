"""By how much is the writing on a page out of the level?"""

import math
from array import array
from functools import partial
from itertools import pairwise

from PIL import Image

from ragflow.documents import Box

#: The most degrees that a page is turned by to be level; beyond it lies on its side.
_MOST = 15
#: Below it turning a page costs more sharpness than being level brings.
_LEAST = 1.0
#: Pixels of the longer side at which the angle is looked for, roughly and then closely.
_ROUGHLY, _CLOSELY = 400, 900
#: How much sharper the lines must be for a page to be turned.
_SHARPER = 1.15


def skew_of(image: Image.Image) -> float:
    """Return the degrees by which turning a grey image against the clock makes its lines level.

    0 where it is level enough, or nothing on it has lines. Lines may run across or down.
    """
    rough = _ink(image, _ROUGHLY)
    if rough is None:
        return 0.0
    around = max(range(-_MOST, _MOST + 1), key=partial(_sharpness, rough))
    fine = _ink(image, _CLOSELY) if around else None
    if fine is None:
        return 0.0
    angles = [around + tenth / 10 for tenth in range(-10, 11, 2)]
    best = max(angles, key=partial(_sharpness, fine))
    if abs(best) < _LEAST or _sharpness(fine, best) < _SHARPER * _sharpness(fine, 0.0):
        return 0.0
    return best


def turned(image: Image.Image, degrees: float) -> Image.Image:
    """Return a grey image turned against the clock, whole, on paper of its own shade."""
    histogram = image.histogram()
    paper = max(range(256), key=histogram.__getitem__)
    return image.rotate(degrees, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=paper)


def turned_back(box: Box, degrees: float, *, seen: tuple[int, int], image: tuple[int, int]) -> Box:
    """Return where a box of the turned image, of the size `seen`, is in the image of that size."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    left, top, right, bottom = box
    across, down = [], []
    for x, y in ((left, top), (right, top), (left, bottom), (right, bottom)):
        dx, dy = x - seen[0] / 2, y - seen[1] / 2
        across.append(cosine * dx - sine * dy + image[0] / 2)
        down.append(sine * dx + cosine * dy + image[1] / 2)
    return (
        max(0.0, min(across)),
        max(0.0, min(down)),
        min(float(image[0]), max(across)),
        min(float(image[1]), max(down)),
    )


def _ink(image: Image.Image, side: int) -> Image.Image | None:
    """Return a small image that is bright where the image is written on; None without writing."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.BOX)
    histogram = small.histogram()
    paper = max(range(256), key=histogram.__getitem__)
    away = [max(0, abs(shade - paper) - 24) for shade in range(256)]
    if not any(away[shade] * histogram[shade] for shade in range(256)) or min(small.size) < 32:
        return None
    return small.point([min(255, 2 * each) for each in away])


def _sharpness(ink: Image.Image, degrees: float) -> float:
    """Return how sharply lines set themselves off, across or down the page, once it is turned."""
    level = (ink.rotate(degrees) if degrees else ink).convert("F")
    return max(
        _contrast(level.resize((1, level.height), Image.Resampling.BOX)),
        _contrast(level.resize((level.width, 1), Image.Resampling.BOX)),
    )


def _contrast(profile: Image.Image) -> float:
    values = array("f", profile.tobytes())
    return sum((one - other) ** 2 for one, other in pairwise(values))
