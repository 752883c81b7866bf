"""What every test of crashes may ask for."""

from collections.abc import Iterator

import pytest

from tests.crashes.machine import Machine
from tests.crashes.reference import Reference


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    started = Machine(tmp_path_factory.mktemp("machine"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, machine: Machine) -> Reference:
    return Reference(tmp_path_factory.mktemp("reference"), machine)
