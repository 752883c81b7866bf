"""What does a group of commands do when none of them is named?"""

import typer

from ragflow.cli.failures import ExitCode


def command_group(about: str) -> typer.Typer:
    """Return a group for commands to be added to; `about` is the sentence its help begins with.

    Named without a command it prints its help, and that is wrong usage.
    """
    # Plain help starts in half the time, and reads the same in a pipe.
    group = typer.Typer(rich_markup_mode=None)

    @group.callback(invoke_without_command=True, help=about)
    def start(context: typer.Context) -> None:
        need_command(context)

    return group


def need_command(context: typer.Context) -> None:
    """Print the help, and end as wrong usage does, unless a command is named."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(ExitCode.USAGE)
