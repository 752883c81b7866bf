"""What a call takes is its own, and not what one before it took."""

import subprocess
import sys

import pytest

from ragflow.clock import SystemClock
from ragflow.runtime.metering import Meter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks are told on Linux only")

MEGABYTE = 1 << 20
EATING = "print(len(bytearray(300 << 20)))"


@pytest.fixture
def meter():
    return Meter(SystemClock())


def test_a_peak_is_of_the_call_in_which_it_was(meter):
    meter.begin()
    least = meter.spent().memory
    meter.begin()
    eaten = len(bytearray(b"x") * (200 * MEGABYTE))
    large = meter.spent().memory
    meter.begin()
    small = meter.spent().memory
    assert large > least + 0.9 * eaten
    assert small < large - 0.9 * eaten


def test_what_a_program_takes_is_counted(meter):
    meter.begin()
    subprocess.run([sys.executable, "-c", "sum(range(5_000_000)); " + EATING], check=True)
    spent = meter.spent()
    # The system may take back some of it at once.
    assert spent.memory > 0.8 * 300 * MEGABYTE
    assert spent.processor > 0.01
