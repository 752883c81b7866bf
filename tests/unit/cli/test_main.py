import pytest
import typer

from ragflow import __version__
from ragflow.cli.main import app, run

COMMANDS = [
    "init",
    "pipelines",
    "run",
    "plan",
    "resume",
    "pause",
    "cancel",
    "serve",
    "backfill",
    "query",
    "cite",
    "parse",
    "runs",
    "show",
    "logs",
    "audit",
    "documents",
    "why",
    "why-not",
    "lineage",
    "verify",
    "repair",
    "forget",
    "export",
    "graph",
    "schema",
    "schedules",
    "dead-letters",
    "collections",
    "memos",
    "models",
]


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Stand in a folder that is no project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAGFLOW_HOME", raising=False)


@pytest.fixture
def ragflow(capfd):
    """Run a command line and return (code, stdout, stderr)."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            run(arguments)
        captured = capfd.readouterr()
        return ended.value.code, captured.out, captured.err

    return call


def test_the_commands_are_those_of_the_readme_in_order():
    assert list(typer.main.get_command(app).commands) == COMMANDS


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS), ("collections", "drop")])
def test_every_command_explains_itself(ragflow, command, flag):
    code, out, err = ragflow(*command, flag)
    assert (code, err) == (0, "")
    assert out.startswith(" ".join(["Usage: ragflow", *command]))


def test_no_explanation_is_cut_short(ragflow):
    assert "..." not in ragflow("--help")[1].partition("Commands:")[2]
    assert "..." not in ragflow("collections", "--help")[1].partition("Commands:")[2]


@pytest.mark.parametrize("command", [(), ("collections",), ("dead-letters",)])
def test_a_group_without_a_command_shows_its_help_and_is_wrong_usage(ragflow, command):
    code, out, err = ragflow(*command)
    assert (code, err) == (2, "")
    assert "Commands:" in out


def test_the_version_is_told(ragflow):
    assert ragflow("--version") == (0, f"ragflow {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["rnu"], "no such command 'rnu'", "did you mean 'run'? see ragflow --help"),
        (["run"], "missing argument 'NAME'", "see ragflow run --help"),
        (["run", "a", "--jsno"], "no such option: --jsno", "see ragflow run --help"),
        (["query", "a", "b", "-k", "x"], "invalid value for '-k'", "see ragflow query --help"),
        (["schema", "x"], "invalid value for 'NAME'", "see ragflow schema --help"),
        (["runs", "-n", "0"], "invalid value for '-n'", "see ragflow runs --help"),
        (["run", "a"], "there is no ragflow.toml in", "run `ragflow init` here"),
    ],
)
def test_a_wrong_command_line_is_two_lines_and_ends_with_2(ragflow, arguments, error, hint):
    code, out, err = ragflow(*arguments)
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith(f"error: {error}")
    assert second.startswith(f"hint: {hint}")


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 0])
@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("logs",),
        ("cancel",),
        ("pause",),
        ("resume",),
        ("dead-letters", "show"),
        ("dead-letters", "replay", "1"),
        ("dead-letters", "discard"),
        ("audit", "--run"),
        ("audit", "--limit"),
        ("runs", "-n"),
    ],
)
def test_a_number_that_no_store_can_look_for_is_wrong_usage(ragflow, command, number):
    # After "--" what begins with "-" is no option.
    end = () if command[-1].startswith("-") else ("--",)
    code, out, err = ragflow(*command, *end, str(number))
    assert (code, out) == (2, "")
    assert err.startswith("error: invalid value for ")
    assert str(2**63 - 1 if number > 0 else 1) in err


def test_more_hits_than_a_store_can_count_are_wrong_usage(ragflow):
    code, _, err = ragflow("query", "a", "b", "-k", str(2**31))
    assert (code, err.partition(":")[2][:25]) == (2, " invalid value for '-k': ")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_shows_where_an_error_comes_from_wherever_it_stands(ragflow, place):
    arguments = ["run", "a"]
    arguments.insert(place, "--debug")
    code, out, err = ragflow(*arguments)
    assert (code, out) == (2, "")
    assert "Traceback" in err
    assert err.splitlines()[-2].startswith("error: there is no ragflow.toml")


def test_an_error_nobody_expected_is_named_and_ends_with_1(ragflow, monkeypatch):
    def broken(start=None):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("ragflow.config.find_project", broken)
    code, out, err = ragflow("pipelines")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "error: ZeroDivisionError: division by zero",
        "hint: this should not happen; the same command with --debug shows where it did",
    ]


def test_an_interruption_ends_with_130(ragflow, monkeypatch):
    def interrupted(start=None):
        raise KeyboardInterrupt

    monkeypatch.setattr("ragflow.config.find_project", interrupted)
    assert ragflow("pipelines") == (130, "", "error: interrupted\n")


def test_a_schema_is_printed(ragflow):
    code, out, err = ragflow("schema", "run")
    assert (code, err) == (0, "")
    assert '"title": "run"' in out


def test_an_argument_that_is_no_text_is_refused_and_says_how_to_spell_it(capsys):
    with pytest.raises(SystemExit) as ended:
        run(["documents", "show", "caf\udce9.txt"])
    assert ended.value.code == 2
    assert "is not valid UTF-8" in capsys.readouterr().err
