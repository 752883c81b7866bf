"""What `ragflow serve` does, in processes of its own."""

import json
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from ragflow.api.schedules import keep_schedules
from ragflow.core.states import RunState
from ragflow.runtime.home import open_home

PIPELINES = '''
import os
import time
from datetime import datetime
from pathlib import Path

from ragflow import Schedule, fire_date, pipeline, task


@task(per="run")
def first(*, day: datetime) -> str:
    with Path("begun.txt").open("a") as stream:
        stream.write(f"{day.isoformat()} {os.getpid()}\\n")
    while Path("gate").exists():
        time.sleep(0.02)
    return day.isoformat()


@task(per="run")
def second(day: str) -> None:
    with Path("done.txt").open("a") as stream:
        stream.write(f"{day}\\n")


@pipeline(schedule=Schedule(SCHEDULE))
def noted() -> None:
    """Note each instant, twice."""
    second(first(day=fire_date()))
'''


def lines(project, name):
    file = project.folder / name
    return file.read_text().splitlines() if file.exists() else []


def write(project, schedule):
    text = PIPELINES.replace("Schedule(SCHEDULE)", f"Schedule({schedule})")
    (project.folder / "pipelines" / "all.py").write_text(text, encoding="utf-8")


def once(project, **words):
    """Let a pipeline fire once, as soon as somebody serves it."""
    at = datetime.now(UTC)
    more = "".join(f", {name}={value!r}" for name, value in words.items())
    write(project, f"at={at.isoformat(timespec='seconds')!r}{more}")
    _serve_since(project, at - timedelta(hours=1))


def _serve_since(project, cursor):
    """Make the home as it is where the last service ended at that instant."""
    with open_home(project.folder) as home:
        keep_schedules(home)
        home.metadata.schedules.pause("noted", actor="me")
        home.metadata.schedules.resume("noted", [], cursor, actor="me")


def ledger(project):
    with open_home(project.folder) as home:
        return home.metadata.schedules.fires(limit=1_000)


def end(process, number=signal.SIGTERM):
    """Ask a service to end, and return its code and what it said."""
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def test_two_services_fire_each_instant_once(project):
    write(project, 'every="1s", overlap="queue", missed=100')
    services = [project.start("serve"), project.start("serve")]
    project.until(lambda: len(lines(project, "done.txt")) >= 6, services[0])
    ended = [end(service) for service in services]
    assert [code for code, _ in ended] == [0, 0]
    found = ledger(project)
    instants = sorted(fire.instant for fire in found)
    assert instants == [instants[0] + timedelta(seconds=n) for n in range(len(instants))]
    done = Counter(lines(project, "done.txt"))
    fired = [fire for fire in found if fire.state == "fired"]
    assert set(done) == {fire.instant.isoformat() for fire in fired}
    assert set(done.values()) == {1}
    assert len({fire.run for fire in fired}) == len(fired) >= 6


def test_what_a_killed_service_left_is_ended_by_another(project):
    (project.folder / "gate").touch()
    once(project)
    services = [project.start("serve"), project.start("serve")]
    project.until(lambda: bool(lines(project, "begun.txt")), services[0])
    pid = int(lines(project, "begun.txt")[0].split()[1])
    [killed] = [service for service in services if service.pid == pid]
    [other] = [service for service in services if service.pid != pid]
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    (project.folder / "gate").unlink()
    project.until(lambda: bool(lines(project, "done.txt")), other)
    code, said = end(other)
    assert code == 0
    assert "run 1 succeeded" in said
    [fire] = ledger(project)
    assert (fire.state, fire.run) == ("fired", 1)
    assert len(lines(project, "done.txt")) == 1
    assert project.ask("runs", "runs")["runs"][0]["state"] == "succeeded"


def test_a_service_that_ends_hands_its_run_back_and_the_next_goes_on(project):
    (project.folder / "gate").touch()
    once(project)
    first = project.start("serve", "--grace", "0")
    project.until(lambda: bool(lines(project, "begun.txt")), first)
    first.send_signal(signal.SIGTERM)
    project.until(lambda: ledger(project)[0].run == 1, first)
    # It is asked to cancel, and ends what it is at.
    project.until(lambda: _state(project) is RunState.CANCELLING, first)
    (project.folder / "gate").unlink()
    _, said = first.communicate(timeout=60)
    assert (first.returncode, "run 1 is handed back" in said) == (0, True), said
    [fire] = ledger(project)
    assert (fire.state, fire.run) == ("queued", 1)
    assert lines(project, "done.txt") == []
    second = project.start("serve")
    project.until(lambda: bool(lines(project, "done.txt")), second)
    assert end(second)[0] == 0
    [fire] = ledger(project)
    assert (fire.state, fire.run) == ("fired", 1)


def _state(project):
    with open_home(project.folder) as home:
        return home.metadata.runs.get(1).state


def test_a_run_that_is_nearly_done_may_end(project):
    (project.folder / "gate").touch()
    once(project)
    service = project.start("serve")
    project.until(lambda: bool(lines(project, "begun.txt")), service)
    service.send_signal(signal.SIGINT)
    (project.folder / "gate").unlink()
    _, said = service.communicate(timeout=60)
    assert service.returncode == 0
    assert "run 1 succeeded" in said
    assert len(lines(project, "done.txt")) == 1


def test_what_was_missed_is_made_up_for_by_the_next_service(project):
    write(project, '"* * * * *", missed=3')
    _serve_since(project, datetime.now(UTC) - timedelta(minutes=10))
    service = project.start("serve")
    project.until(lambda: len(lines(project, "done.txt")) >= 3, service)
    assert end(service)[0] == 0
    states = Counter(fire.state.value for fire in ledger(project))
    assert states["missed"] >= 6
    assert 3 <= states["fired"] <= 4


def test_a_schedule_that_is_added_fires_without_a_restart(project):
    write(project, '"0 0 29 2 *"')
    service = project.start("serve")
    project.until(lambda: bool(ids(project)), service)
    program = "from ragflow import Schedule, Schedules\n"
    program += "Schedules().add('more', 'noted', Schedule(every='1s'))"
    subprocess.run([sys.executable, "-c", program], cwd=project.folder, check=True)
    project.until(lambda: bool(lines(project, "done.txt")), service)
    assert end(service)[0] == 0
    assert {fire.schedule for fire in ledger(project)} == {"more"}


def ids(project):
    with open_home(project.folder) as home:
        return [record.id for record in home.metadata.schedules.all()]


def test_a_pipeline_that_is_broken_is_told_in_the_ledger_and_the_service_goes_on(project):
    write(project, 'every="1s"')
    text = (project.folder / "pipelines" / "all.py").read_text()
    broken = text.replace("second(first(day=fire_date()))", "second(first(day=fire_date()), 5)")
    (project.folder / "pipelines" / "all.py").write_text(broken, encoding="utf-8")
    service = project.start("serve")
    project.until(lambda: len(ledger(project)) >= 2, service)
    code, said = end(service)
    assert code == 0
    assert "failed: " in said
    found = ledger(project)
    assert {fire.state.value for fire in found} == {"failed"}
    assert project.ask("fires", "schedules", "fires")["fires"][0]["state"] == "failed"
    assert all(fire.reason for fire in found)


def test_an_idle_service_only_looks_once_a_second_whether_the_home_changed(project):
    write(project, '"0 0 29 2 *"')
    program = """
import json, threading, time
from ragflow.api.schedules import keep_schedules
from ragflow.core.states import RunState
from ragflow.runtime.home import open_home
from ragflow.server.runner import ThreadRunner
from ragflow.server.service import Service
from ragflow.server.waiting import QuietWaiting

with open_home() as home:
    keep_schedules(home)
    waiting = QuietWaiting(home.clock, home.metadata.changes)
    service = Service(home, ThreadRunner(home, waiting.wake, print), waiting)
    thread = threading.Thread(target=service.run)
    thread.start()
    while waiting.looks < 2:
        time.sleep(0.01)
    turns, looks = service.turns, waiting.looks
    time.sleep(5)
    print(json.dumps([service.turns - turns, waiting.looks - looks]))
    service.stop()
    thread.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project.folder, check=True, capture_output=True
    )
    turns, looks = json.loads(done.stdout)
    assert turns == 0
    assert looks <= 6


@pytest.mark.parametrize(
    ("there", "then", "reason"),
    [
        ("def noted", "def renamed", "the schedule is defined no more"),
        ("fire_date()))", "fire_date()), 5)", "which no task made"),
    ],
)
def test_a_run_that_was_left_and_cannot_be_gone_on_with_fails_once(project, there, then, reason):
    (project.folder / "gate").touch()
    once(project)
    killed = project.start("serve")
    project.until(lambda: bool(lines(project, "begun.txt")), killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    file = project.folder / "pipelines" / "all.py"
    file.write_text(file.read_text().replace(there, then), encoding="utf-8")
    service = project.start("serve")
    project.until(lambda: _state(project) is RunState.FAILED, service)
    code, said = end(service)
    assert code == 0
    [fire] = ledger(project)
    assert (fire.state, fire.run) == ("fired", 1)
    assert reason in fire.reason
    assert said.count("failed") <= 1
