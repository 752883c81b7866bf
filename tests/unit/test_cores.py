import os

import pytest

from ragflow import cores
from ragflow.cores import usable_cores


@pytest.fixture
def eight(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("250000 100000", 2), ("max 100000", 8), ("50000 100000", 1), ("1600000 100000", 8), ("", 8)],
)
def test_what_the_container_grants_counts(eight, tmp_path, said, expected):
    (tmp_path / "cpu.max").write_text(said)
    assert usable_cores(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("300000", 3), ("-1", 8)])
def test_containers_of_the_first_version_count_too(eight, tmp_path, quota, expected):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cores(tmp_path) == expected


def test_a_machine_without_containers_has_what_the_process_is_bound_to(eight, tmp_path):
    assert usable_cores(tmp_path) == 8


def test_a_system_that_binds_nobody_has_what_it_has(monkeypatch, tmp_path):
    monkeypatch.delattr(cores.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(cores.os, "cpu_count", lambda: None)
    assert usable_cores(tmp_path) == 1
