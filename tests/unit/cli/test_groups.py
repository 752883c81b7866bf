import pytest
import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.groups import command_group

ABOUT = "Count and forget marbles."


@pytest.fixture
def call(capsys):
    """Run a command of the group and return (code, stdout)."""
    group = command_group(ABOUT)
    group.command("count")(lambda: typer.echo("seven"))
    group.command("forget")(lambda: typer.echo("none"))
    command = typer.main.get_command(group)

    def calling(*arguments):
        try:
            with command.make_context("marbles", list(arguments)) as context:
                command.invoke(context)
        except typer.Exit as end:
            return end.exit_code, capsys.readouterr().out
        return ExitCode.SUCCEEDED, capsys.readouterr().out

    return calling


def test_a_group_without_a_command_prints_its_help_and_is_wrong_usage(call):
    code, out = call()
    assert code == ExitCode.USAGE
    assert ABOUT in out
    assert "Commands:\n  count" in out


def test_a_group_with_a_command_does_that_and_no_more(call):
    assert call("count") == (ExitCode.SUCCEEDED, "seven\n")


def test_every_group_is_its_own(call):
    other = command_group("Nothing of the kind.")
    assert other.registered_callback.help == "Nothing of the kind."
    assert ABOUT in call("--help")[1]
