"""``ragflow schedules``: list, pause, resume and fire them, and see what became of fires."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragflow.cli.groups import command_group
from ragflow.cli.options import (
    LARGEST,
    Accept,
    Deletions,
    Json,
    MaxCost,
    MaxFailed,
    Wait,
    most_failed,
)
from ragflow.cli.output import enveloped, plain, results, say
from ragflow.cli.running import carry_out
from ragflow.errors import UsageError

if TYPE_CHECKING:
    from ragflow.api.schedules import Known
    from ragflow.core.fires import FireRecord
    from ragflow.runtime.home import Home

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a schedule.")]
Some = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this schedule.")]
Limit = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=1, max=LARGEST, help="At most so many.")
]
Again = Annotated[
    bool, typer.Option("--again", help="Also for instants whose run succeeded already.")
]

app = command_group("List schedules, pause, resume and fire them.")


@app.command("list")
def list_schedules(*, as_json: Json = False) -> None:
    """List what runs by itself: which pipeline, when, and when next."""
    from ragflow.api.schedules import known_schedules
    from ragflow.runtime.home import open_home
    from ragflow.views.schedules import schedules_table

    with results() as out, open_home() as home:
        found = [_described(home, known) for known in known_schedules(home)]
        if as_json:
            out.json(enveloped(schedules=found))
        elif found:
            out.table(schedules_table(found))
        else:
            say('no schedules: `@pipeline(schedule="30 6 * * *")` makes one, as [[instances]] do')


@app.command("next")
def list_next(name: Some = None, *, limit: Limit = 10, as_json: Json = False) -> None:
    """List the next fires, by the clocks of their schedules."""
    from ragflow.api.schedules import find_schedule, known_schedules
    from ragflow.runtime.home import open_home
    from ragflow.views.schedules import next_table

    with results() as out, open_home() as home:
        chosen = known_schedules(home) if name is None else [find_schedule(home, name)]
        now = home.clock.now()
        found = [(instant, known) for known in chosen for instant in known.next(now, limit)]
        found.sort(key=lambda each: (each[0], each[1].name))
        coming = [_coming(known, instant) for instant, known in found[:limit]]
        if as_json:
            out.json(enveloped(fires=coming))
        elif coming:
            out.table(next_table(coming))
        else:
            say("nothing fires")


@app.command("fires")
def list_fires(name: Some = None, *, limit: Limit = 20, as_json: Json = False) -> None:
    """List what became of past fires, newest first: fired, skipped, failed, missed or queued."""
    from ragflow.runtime.home import open_home
    from ragflow.views.schedules import fires_table

    with results() as out, open_home() as home:
        found = home.metadata.schedules.fires(schedule=name, limit=limit)
        if as_json:
            out.json(enveloped(fires=[_fire(each) for each in found]))
        elif found:
            out.table(fires_table(found))
        else:
            say("nothing fired yet")


@app.command("pause")
def pause_schedule(name: Name, *, as_json: Json = False) -> None:
    """Let a schedule not fire until it is resumed; what runs goes on."""
    from ragflow.api.people import user_name
    from ragflow.api.schedules import pause
    from ragflow.runtime.home import open_home

    with results() as out, open_home() as home:
        known = pause(home, name, actor=user_name())
        if as_json:
            out.json(enveloped(schedules=[_described(home, known)]))
        else:
            out.line(f"{name} is paused; `ragflow schedules resume {name}` lets it fire again")


@app.command("resume")
def resume_schedule(name: Name, *, as_json: Json = False) -> None:
    """Let a schedule fire again; fires of the pause are left out."""
    from ragflow.api.people import user_name
    from ragflow.api.schedules import resume
    from ragflow.runtime.home import open_home

    with results() as out, open_home() as home:
        known = resume(home, name, actor=user_name())
        described = _described(home, known)
        if as_json:
            out.json(enveloped(schedules=[described]))
        else:
            coming = described["next"]
            out.line(f"{name} fires again{'' if coming is None else f', next at {coming}'}")


@app.command("fire")
def fire_schedule(
    name: Name,
    *,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="INSTANT", help="The instant it stands for; now unless given."
        ),
    ] = None,
    again: Again = False,
    max_failed: MaxFailed = None,
    max_cost: MaxCost = None,
    accept: Accept = False,
    allow_deletions: Deletions = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Run the pipeline of a schedule now, as if it fired.

    Ends as `ragflow run` does. An instant whose run succeeded is refused without --again.
    """
    most = most_failed(max_failed)
    from ragflow.api.schedules import by_hand, find_schedule, moment_of
    from ragflow.runtime.home import open_home

    with results() as out, open_home() as home:
        known = find_schedule(home, name)
        moment = home.clock.now().replace(microsecond=0) if at is None else moment_said("--at", at)
        if not isinstance(moment, datetime):
            raise UsageError(f"--at {at!r} is a day and no instant", hint=f"write {at}T06:30")
        request = by_hand(
            home,
            known,
            moment_of(known, moment),
            is_again=again,
            max_failed=most,
            max_cost=max_cost,
            accept=accept,
            allow_deletions=allow_deletions,
            wait=wait,
        )
        carry_out(home, request, out, as_json=as_json)


def moment_said(option: str, text: str) -> date | datetime:
    """Return the date or the instant that an option names.

    Raises `UsageError` for anything else.
    """
    try:
        is_date = len(text.strip()) == len("2026-05-04")
        return (date if is_date else datetime).fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r} is no date", hint="write 2026-05-04, or 2026-05-04T06:30"
        ) from error


def _described(home: "Home", known: "Known") -> dict[str, Any]:
    coming = known.next(home.clock.now(), 1)
    last = home.metadata.schedules.fires(schedule=known.name, limit=1)
    return {
        "name": known.name,
        "pipeline": known.defined.pipeline,
        "parameters": plain(known.defined.parameters),
        "origin": known.defined.origin,
        "schedule": known.defined.schedule,
        "text": "by hand" if known.schedule is None else str(known.schedule),
        "paused_at": plain(known.paused_at),
        "next": coming[0].isoformat() if coming else None,
        "last": _fire(last[0]) if last else None,
    }


def _coming(known: "Known", instant: datetime) -> dict[str, Any]:
    assert known.schedule is not None
    due = known.schedule.due(known.name, instant)
    return {"schedule": known.name, "instant": instant.isoformat(), "due": due.isoformat()}


def _fire(fire: "FireRecord") -> dict[str, Any]:
    left_out = {"id", "schedule_id", "zone"}
    return {name: value for name, value in plain(fire).items() if name not in left_out}
