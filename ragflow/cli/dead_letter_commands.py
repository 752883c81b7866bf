"""``ragflow dead-letters``: list, show, replay and discard what could not be served."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.groups import command_group
from ragflow.cli.options import LARGEST, Json, Tracebacks
from ragflow.cli.output import Results, enveloped, plain, results, say
from ragflow.cli.questions import is_confirmed
from ragflow.cli.running import carry_out
from ragflow.errors import UsageError

if TYPE_CHECKING:
    from ragflow.core.run_records import DeadLetter
    from ragflow.runtime.home import Home
    from ragflow.runtime.request import Request

Numbers = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="[NUMBER]...",
        min=1,
        max=LARGEST,
        help="Numbers of dead letters, as the list has them.",
    ),
]
Key = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="Those of this document instead.")
]
InstanceName = Annotated[
    str | None, typer.Option("--instance", metavar="NAME", help="Only those of this instance.")
]

app = command_group("List, show, replay and discard dead letters.")


@app.command("list")
def list_letters(*, key: Key = None, instance: InstanceName = None, as_json: Json = False) -> None:
    """List what could not be served, and what would release it."""
    from ragflow.runtime.home import open_home
    from ragflow.views.dead_letters import letters_table

    with results() as out, open_home() as home:
        letters = _found(home, (), key, instance)
        if not letters:
            _tell_none(out, as_json=as_json)
        elif as_json:
            out.json(_enveloped(letters))
        else:
            out.table(letters_table(letters))


@app.command("show")
def show_letters(
    numbers: Numbers = None,
    *,
    key: Key = None,
    instance: InstanceName = None,
    traceback: Tracebacks = False,
    as_json: Json = False,
) -> None:
    """Show dead letters: why, where, how often, and what would release them."""
    from ragflow.runtime.home import open_home
    from ragflow.views.dead_letters import letter_text

    _check_chosen(numbers, key, "show")
    with results() as out, open_home() as home:
        letters = _found(home, numbers, key, instance)
        if as_json:
            out.json(_enveloped(letters))
            return
        for place, letter in enumerate(letters):
            if place:
                out.line()
            out.line(letter_text(letter, width=out.width, with_traceback=traceback))


@app.command("replay")
def replay_letters(
    numbers: Numbers = None,
    *,
    key: Key = None,
    instance: InstanceName = None,
    run: Annotated[bool, typer.Option("--run", help="Begin that run now.")] = False,
    as_json: Json = False,
) -> None:
    """Let the next run try dead letters, whatever would release them.

    All of them unless some are chosen. With --run the pipeline runs at once, with the
    parameters of the run that failed, and what is printed is that run.
    """
    from ragflow.api.people import user_name
    from ragflow.runtime.home import open_home
    from ragflow.views.dead_letters import named

    with results() as out, open_home() as home:
        letters = _found(home, numbers, key, instance)
        if not letters:
            _tell_none(out, as_json=as_json)
            return
        # Whatever the run is refused for changes nothing.
        request = _like_that_failed(home, letters) if run else None
        ids = [letter.id for letter in letters]
        replayed = home.metadata.dead_letters.replay(ids, actor=user_name())
        if request is not None:
            say(f"{named(replayed)} tried now")
            carry_out(home, request, out, as_json=as_json)
        elif as_json:
            out.json(_enveloped(replayed))
        else:
            out.line(f"the next run tries {named(replayed)}")


@app.command("discard")
def discard_letters(
    numbers: Numbers = None,
    *,
    key: Key = None,
    instance: InstanceName = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Give documents up: not tried again until their content changes.

    They are listed no longer either. What they were served from before stays searchable.
    """
    from ragflow.api.people import user_name
    from ragflow.runtime.home import open_home
    from ragflow.views.dead_letters import named

    _check_chosen(numbers, key, "discard")
    with results() as out, open_home() as home:
        letters = _found(home, numbers, key, instance)
        if not yes and not is_confirmed(f"discard {named(letters)}?"):
            say("nothing was discarded")
            raise typer.Exit(ExitCode.FAILED)
        ids = [letter.id for letter in letters]
        discarded = home.metadata.dead_letters.discard(ids, actor=user_name())
        if as_json:
            out.json(_enveloped(discarded))
        else:
            out.line(f"discarded {named(discarded)}: not tried until the content changes")


def _check_chosen(numbers: Sequence[int] | None, key: str | None, what: str) -> None:
    if not numbers and key is None:
        raise UsageError(
            f"dead-letters {what} was not told which",
            hint=f"write `ragflow dead-letters {what} NUMBER`, or --key KEY",
        )


def _found(
    home: "Home", numbers: Sequence[int] | None, key: str | None, instance: str | None
) -> Sequence["DeadLetter"]:
    from ragflow.api.dead_letters import find_letters

    if numbers and (key is not None or instance is not None):
        raise UsageError(
            "numbers were given together with --key or --instance",
            hint="say which by their numbers, or by their document and instance",
        )
    return find_letters(home.metadata, numbers or (), key=key, instance=instance)


def _tell_none(out: Results, *, as_json: bool) -> None:
    if as_json:
        out.json(_enveloped(()))
    else:
        say("no dead letters")


def _like_that_failed(home: "Home", letters: Sequence["DeadLetter"]) -> "Request":
    """Return the request for a run that tries all of these."""
    from ragflow.api.dead_letters import run_that_failed
    from ragflow.api.people import user_name
    from ragflow.api.runs import again

    failed = run_that_failed(home.metadata, letters)
    return again(home, failed, trigger="command", actor=user_name())


def _enveloped(letters: Sequence["DeadLetter"]) -> Any:
    return enveloped(dead_letters=[_described(letter) for letter in letters])


def _described(letter: "DeadLetter") -> dict[str, Any]:
    call = None if letter.call is None else bytes(letter.call).hex()
    return {**plain(letter), "call": call}
