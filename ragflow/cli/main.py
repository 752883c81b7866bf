"""The entry of the command line: finds the command, and turns errors into sentences."""

import gc
import os
import select
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ragflow import __version__
from ragflow.cli import (
    collection_commands,
    dead_letter_commands,
    memo_commands,
    model_commands,
    schedule_commands,
)
from ragflow.cli.audit import list_audit
from ragflow.cli.backfill import backfill_schedule
from ragflow.cli.cite import cite_chunk
from ragflow.cli.control import cancel_run, pause_run, resume_run
from ragflow.cli.documents import list_documents
from ragflow.cli.export import export_collection
from ragflow.cli.failures import ExitCode, exit_code, tell
from ragflow.cli.forget import forget_document
from ragflow.cli.graph import draw_graph
from ragflow.cli.groups import need_command
from ragflow.cli.history import list_runs, show_run
from ragflow.cli.init import init_project
from ragflow.cli.lineage import show_lineage
from ragflow.cli.logs import print_logs
from ragflow.cli.output import ReaderGoneError
from ragflow.cli.parse import parse_file
from ragflow.cli.pipelines import list_pipelines
from ragflow.cli.plan import plan_pipeline
from ragflow.cli.query import query_collection
from ragflow.cli.repair import repair_collection
from ragflow.cli.run import run_pipeline
from ragflow.cli.schema import print_schema
from ragflow.cli.serve import serve_project
from ragflow.cli.verify import verify_collection
from ragflow.cli.why import explain_absence, explain_document
from ragflow.config import stay_offline
from ragflow.errors import UsageError

DEBUG = "--debug"
#: Python looks for garbage in cycles after every 700 objects. Listing files makes many thousands
#: and no cycle, importing libraries nearly as many: a tenth of what an idle refresh costs.
_COLLECTIONS = (50_000, 20, 100)

app = typer.Typer(
    add_completion=False,
    # Plain help starts in half the time, and reads the same in a pipe.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("init")(init_project)
app.command("pipelines")(list_pipelines)
app.command("run")(run_pipeline)
app.command("plan")(plan_pipeline)
app.command("resume")(resume_run)
app.command("pause")(pause_run)
app.command("cancel")(cancel_run)
app.command("serve")(serve_project)
app.command("backfill")(backfill_schedule)
app.add_typer(schedule_commands.app, name="schedules")
app.command("query")(query_collection)
app.command("cite")(cite_chunk)
app.command("parse")(parse_file)
app.command("runs")(list_runs)
app.command("show")(show_run)
app.command("logs")(print_logs)
app.command("audit")(list_audit)
app.command("documents")(list_documents)
app.add_typer(dead_letter_commands.app, name="dead-letters")
app.add_typer(collection_commands.app, name="collections")
app.command("why")(explain_document)
app.command("why-not")(explain_absence)
app.command("lineage")(show_lineage)
app.command("verify")(verify_collection)
app.command("repair")(repair_collection)
app.add_typer(memo_commands.app, name="memos")
app.add_typer(model_commands.app, name="models")
app.command("forget")(forget_document)
app.command("export")(export_collection)
app.command("graph")(draw_graph)
app.command("schema")(print_schema)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        typer.echo(f"ragflow {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback acts on it
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
    debug: Annotated[  # noqa: ARG001 - `run` acts on it, wherever it stands
        bool, typer.Option(DEBUG, help="Show where an error comes from; works in any place.")
    ] = False,
) -> None:
    """Keep a vector index true to a changing set of documents."""
    need_command(context)


def run(arguments: Sequence[str] | None = None) -> None:
    """Carry out a command line, the process's own unless given, and exit with its code."""
    _open_streams()
    gc.set_threshold(*_COLLECTIONS)
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    is_debugging = DEBUG in given[:end]
    given = [word for n, word in enumerate(given) if word != DEBUG or n > end]
    try:
        code = _carry_out(given)
    except ReaderGoneError:
        code = ExitCode.FAILED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the boundary: told, never swallowed
        code = exit_code(error)
        if not (isinstance(error, BrokenPipeError) and _is_unread()):
            if is_debugging:
                import traceback

                traceback.print_exc()
            tell(error)
    sys.exit(_after_flush(code))


def _open_streams() -> None:
    """Let a stream that was closed before we began (``<&-``) be empty, and its number taken.

    Else the next file to be opened, a database perhaps, has the number that is printed to.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        mode = "w" if number else "r"
        setattr(sys, name, os.fdopen(number, mode, closefd=False, errors="backslashreplace"))


def _is_unread() -> bool:
    """Tell whether stdout is a pipe that nobody reads any more, as when help goes to ``head``."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _after_flush(code: int) -> int:
    """Hand on what was printed; the interpreter would complain of a closed pipe at its end."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    return code


def check_text(word: str) -> None:
    """Raise `UsageError` for a word of the command line that is no valid text."""
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{word!a} is not valid UTF-8",
            hint=r"spell such bytes as `ragflow documents` lists them: caf\xe9.txt",
        ) from error


def _carry_out(arguments: list[str]) -> int:
    """Run the command without the error handling of Typer, which is not in our words."""
    stay_offline()
    for word in arguments:
        check_text(word)
    command = typer.main.get_command(app)
    try:
        with command.make_context("ragflow", arguments) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    return ExitCode.SUCCEEDED
