import re
from datetime import UTC, datetime

import pytest

from ragflow.views.quantities import counted, duration, instant


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 chunks"), (1, "1 chunk"), (1234, "1,234 chunks")]
)
def test_a_count_knows_one_from_many(number, said):
    assert counted(number, "chunk") == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.00 s"),
        (0.456, "0.46 s"),
        (12.34, "12.3 s"),
        (59.7, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.9, "1 h 00 min"),
        (3725, "1 h 02 min"),
    ],
)
def test_a_duration_keeps_the_precision_that_matters(seconds, said):
    assert duration(seconds) == said


def test_an_instant_is_shown_to_the_second():
    moment = datetime(2026, 5, 4, 10, 11, 12, 999, tzinfo=UTC)
    assert re.fullmatch(r"2026-05-0\d \d\d:\d\d:12", instant(moment))
