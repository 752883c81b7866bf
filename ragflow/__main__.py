"""``python -m ragflow``: the command line."""

from ragflow.cli.main import run

run()
