"""What `ragflow schedules` and `ragflow backfill` say and do."""

from datetime import UTC, date, datetime

import pytest

from ragflow import Schedule, Schedules
from ragflow.errors import FireTakenError, NotFoundError, UsageError

PIPELINES = '''
import time
from datetime import datetime
from pathlib import Path

from ragflow import Schedule, fire_date, pipeline, task


@task(per="run")
def note(*, day: datetime, folder: str) -> None:
    Path(folder).mkdir(exist_ok=True)
    if Path(folder, "broken").exists() and day.day == 3:
        raise ValueError("no room")
    while Path(folder, "gate").exists() and day.day == 3:
        Path(folder, "reached").touch()
        time.sleep(0.02)
    with Path(folder, "days.txt").open("a") as stream:
        stream.write(f"{day.isoformat()}\\n")


@pipeline(schedule=Schedule("30 6 * * *", zone="Europe/Berlin"))
def daily(folder: str = "daily") -> None:
    """Note every day."""
    note(day=fire_date(), folder=folder)


@pipeline
def either(folder: str = "either") -> None:
    """Note a day of its own by hand."""
    note(day=fire_date(by_hand=datetime(2000, 1, 1)), folder=folder)


@task(per="run")
def ask() -> None:
    fire_date()


@pipeline
def inside() -> None:
    """Ask where it cannot be known."""
    ask()
'''

INSTANCES = """
[[instances]]
name = "legal"
pipeline = "daily"
parameters = { folder = "legal" }
schedule = { cron = "0 12 * * 1", missed = 3 }

[[instances]]
name = "seldom"
pipeline = "daily"
parameters = { folder = "seldom" }
"""


@pytest.fixture
def scheduled(project):
    (project.folder / "pipelines" / "all.py").write_text(PIPELINES, encoding="utf-8")
    (project.folder / "ragflow.toml").write_text(INSTANCES, encoding="utf-8")
    return project


def days(project, folder):
    file = project.folder / folder / "days.txt"
    return file.read_text().split() if file.exists() else []


def test_schedules_of_pipelines_and_of_the_file_are_listed(scheduled):
    listed = scheduled.ask("schedules", "schedules", "list")["schedules"]
    assert [(one["name"], one["pipeline"], one["origin"], one["text"]) for one in listed] == [
        ("daily", "daily", "pipeline", "30 6 * * * (Europe/Berlin)"),
        ("legal", "daily", "file", "0 12 * * 1"),
        ("seldom", "daily", "file", "by hand"),
    ]
    assert listed[1]["parameters"] == {"folder": "legal"}
    assert listed[2]["next"] is None
    assert listed[0]["next"][10:16] == "T06:30"
    assert "legal" in scheduled.type("schedules", "list").out
    [described] = [
        one
        for one in scheduled.ask("pipelines", "pipelines")["pipelines"]
        if one["name"] == "daily"
    ]
    assert described["schedule"] == "30 6 * * * (Europe/Berlin)"


def test_without_schedules_it_says_how_to_make_one(project):
    assert "no schedules" in project.type("schedules", "list").err
    assert project.ask("schedules", "schedules", "list")["schedules"] == []
    assert project.ask("schedules-next", "schedules", "next")["fires"] == []
    assert project.ask("fires", "schedules", "fires")["fires"] == []
    error, hint = project.refused("schedules", "pause", "nothing")
    assert error == "error: there is no schedule 'nothing'"
    assert "[[instances]]" in hint


def test_the_next_fires_come_in_order(scheduled):
    coming = scheduled.ask("schedules-next", "schedules", "next", "-n", "9")["fires"]
    instants = [datetime.fromisoformat(one["instant"]) for one in coming]
    assert instants == sorted(instants)
    assert len(coming) == 9
    assert {one["schedule"] for one in coming} == {"daily", "legal"}
    alone = scheduled.ask("schedules-next", "schedules", "next", "legal", "-n", "2")["fires"]
    assert [one["schedule"] for one in alone] == ["legal", "legal"]
    assert scheduled.type("schedules", "next").lines[0].split() == ["fires", "schedule"]


def test_a_paused_schedule_does_not_fire_until_it_is_resumed(scheduled):
    [paused] = scheduled.ask("schedules", "schedules", "pause", "legal")["schedules"]
    assert paused["paused_at"] is not None
    assert paused["next"] is None
    assert "paused" in scheduled.type("schedules", "list").out
    assert "legal fires again, next at" in scheduled.type("schedules", "resume", "legal").out
    actions = [one["action"] for one in scheduled.ask("audit", "audit")["events"]]
    assert actions == ["schedule.resumed", "schedule.paused"]


def test_a_schedule_is_fired_by_hand_for_an_instant_once(scheduled):
    run = scheduled.ask("run", "schedules", "fire", "daily", "--at", "2026-05-04T06:30")
    assert run["state"] == "succeeded"
    assert days(scheduled, "daily") == ["2026-05-04T06:30:00+02:00"]
    error, hint = scheduled.refused("schedules", "fire", "daily", "--at", "2026-05-04T04:30Z")
    assert "fired for 2026-05-04T04:30:00+00:00 already by run 1" in error
    assert "--again" in hint
    scheduled.type("schedules", "fire", "daily", "--at", "2026-05-04T06:30", "--again")
    [fire] = scheduled.ask("fires", "schedules", "fires")["fires"]
    assert (fire["schedule"], fire["state"], fire["run"]) == ("daily", "fired", 2)
    assert fire["instant"] == "2026-05-04T04:30:00Z"
    shown = scheduled.type("schedules", "fires").out
    assert "fired" in shown


def test_an_instance_fires_its_pipeline_with_its_parameters(scheduled):
    run = scheduled.ask("run", "schedules", "fire", "legal", "--at", "2026-05-04T12:00")
    assert run["instance"] == "legal"
    assert days(scheduled, "legal") == ["2026-05-04T12:00:00+00:00"]
    scheduled.type("schedules", "fire", "seldom")
    assert len(days(scheduled, "seldom")) == 1


def test_a_run_by_hand_has_no_instant_and_says_so(scheduled):
    error, hint = scheduled.refused("run", "daily", code=1)
    assert "begun by hand and not by a schedule" in error
    assert "ragflow schedules fire" in hint
    scheduled.type("run", "either")
    assert days(scheduled, "either") == ["2000-01-01T00:00:00"]
    done = scheduled.type("run", "inside", code=1)
    assert "fire_date() was called outside of a pipeline's function" in done.err


def test_a_pipeline_that_asks_for_its_instant_can_be_drawn_and_listed(scheduled):
    assert "note" in scheduled.type("graph", "daily").out
    scheduled.type("pipelines")


def test_a_run_that_is_taken_up_keeps_its_instant(scheduled):
    (scheduled.folder / "daily").mkdir()
    (scheduled.folder / "daily" / "broken").touch()
    scheduled.type("schedules", "fire", "daily", "--at", "2026-05-03T06:30", code=1)
    (scheduled.folder / "daily" / "broken").unlink()
    scheduled.type("resume", "1")
    assert days(scheduled, "daily") == ["2026-05-03T06:30:00+02:00"]


def test_a_backfill_is_previewed_and_done_once_for_each_instant(scheduled):
    arguments = ("backfill", "daily", "--from", "2026-05-01", "--to", "2026-05-04")
    preview = scheduled.ask("backfill", *arguments, "--dry-run")
    assert (preview["count"], preview["done"], preview["fires"]) == (4, 0, [])
    assert (
        "4 runs of daily: 2026-05-01 06:30:00+02:00 to"
        in scheduled.type(*arguments, "--dry-run").out
    )
    assert days(scheduled, "daily") == []
    assert scheduled.refused(*arguments)[0] == "error: nobody is there to ask"
    assert days(scheduled, "daily") == []

    (scheduled.folder / "daily").mkdir()
    (scheduled.folder / "daily" / "broken").touch()
    cut = scheduled.ask("backfill", *arguments, "--yes", code=1)
    assert [one["state"] for one in cut["fires"]] == ["succeeded", "succeeded", "failed"]
    assert [one["run"] for one in cut["fires"]] == [1, 2, 3]
    (scheduled.folder / "daily" / "broken").unlink()
    rest = scheduled.ask("backfill", *arguments, "--yes")
    assert (rest["count"], rest["done"]) == (2, 2)
    assert days(scheduled, "daily") == [f"2026-05-0{day}T06:30:00+02:00" for day in (1, 2, 3, 4)]
    assert "nothing to do for daily; 4 fires already done" in scheduled.type(*arguments).err
    again = scheduled.ask("backfill", *arguments, "--again", "--dry-run")
    assert again["count"] == 4


def test_a_backfill_that_was_killed_fires_again_for_the_instant_it_was_at(scheduled):
    arguments = ("backfill", "daily", "--from", "2026-05-02", "--to", "2026-05-04", "--yes")
    (scheduled.folder / "daily").mkdir()
    (scheduled.folder / "daily" / "gate").touch()
    process = scheduled.start(*arguments)
    scheduled.until((scheduled.folder / "daily" / "reached").exists, process)
    at_work = scheduled.ask("backfill", *arguments, "--dry-run")
    assert (at_work["count"], at_work["done"]) == (1, 2)
    process.kill()
    process.wait()
    (scheduled.folder / "daily" / "gate").unlink()
    rest = scheduled.ask("backfill", *arguments)
    assert (rest["count"], rest["done"]) == (2, 1)
    assert [one["state"] for one in rest["fires"]] == ["succeeded", "succeeded"]
    assert days(scheduled, "daily") == [f"2026-05-0{day}T06:30:00+02:00" for day in (2, 3, 4)]
    states = [one["state"] for one in scheduled.ask("runs", "runs")["runs"]]
    assert states == ["succeeded", "succeeded", "failed", "succeeded"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--from", "2026-05-04", "--to", "2026-05-01"), "ends (2026-05-01) before it begins"),
        (("--from", "yesterday", "--to", "2026-05-01"), "--from 'yesterday' is no date"),
        (("--from", "2026-05-04", "--to", "2026-05"), "--to '2026-05' is no date"),
    ],
)
def test_a_range_that_is_none_is_refused(scheduled, arguments, error):
    assert error in scheduled.refused("backfill", "daily", *arguments)[0]


def test_what_has_no_instants_has_no_range(scheduled):
    arguments = ("--from", "2026-05-01", "--to", "2026-05-04")
    assert "by hand alone" in scheduled.refused("backfill", "seldom", *arguments)[0]
    assert (
        "is a day and no instant"
        in scheduled.refused("schedules", "fire", "daily", "--at", "2026-05-04")[0]
    )


def test_days_to_come_are_never_backfilled(scheduled):
    asked = ("backfill", "daily", "--from", "2999-01-01", "--to", "2999-02-01", "--dry-run")
    assert scheduled.ask("backfill", *asked)["count"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[instances]]\nname = "a"\nschedule = "every day"', "is no cron expression"),
        ('[[instances]]\nname = "a"\n[[instances]]\nname = "a"', "two [[instances]] are called"),
        ('[[instances]]\nname = "a"\nschedule = { crom = "" }', "a schedule has no 'crom'"),
        ('[[instances]]\nname = ""', "length >= 1"),
        ('[[instances]]\nname = "a"', "which is not there"),
    ],
)
def test_instances_that_cannot_be_are_refused(scheduled, text, said):
    (scheduled.folder / "ragflow.toml").write_text(text, encoding="utf-8")
    assert said in scheduled.refused("schedules", "list")[0]


def test_the_same_from_python(scheduled):
    schedules = Schedules()
    schedules.add("extra", "daily", Schedule(every="1d"), parameters={"folder": "extra"})
    assert [known.name for known in schedules.list()] == ["daily", "extra", "legal", "seldom"]
    run = schedules.fire("extra", datetime(2026, 5, 1, tzinfo=UTC))
    assert run.instance == "extra"
    with pytest.raises(FireTakenError):
        schedules.fire("extra", datetime(2026, 5, 1, tzinfo=UTC))
    backfill = schedules.backfill("extra", date(2026, 5, 1), date(2026, 5, 3))
    assert (len(backfill), backfill.done) == (2, 1)
    assert [run.state for run in backfill.run()] == ["succeeded", "succeeded"]
    assert [fire.instant.day for fire in schedules.fires("extra")] == [3, 2, 1]
    schedules.pause("extra")
    schedules.resume("extra")
    schedules.remove("extra")
    assert [known.name for known in schedules.list()] == ["daily", "legal", "seldom"]
    with pytest.raises(NotFoundError, match="no schedule 'extra'"):
        schedules.remove("extra")
    with pytest.raises(UsageError, match=r"defined by ragflow\.toml"):
        schedules.add("legal", "daily", "0 0 * * *")
    with pytest.raises(UsageError, match="defined by its pipeline"):
        schedules.remove("daily")
    with pytest.raises(NotFoundError, match="no pipeline 'dayly'"):
        schedules.add("new", "dayly")
