"""What the documents promise is there: commands, targets of make, files."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", ".github/*.md", "ragflow/*.md", "notebooks/*.md", "models/*.md")
    for path in ROOT.glob(pattern)
)


def code_in(text: str) -> Iterator[str]:
    """Yield every line of the fenced blocks and every piece of inline code."""
    fenced = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    for block in fenced.findall(text):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", fenced.sub("", text))


def commands_in(text: str) -> list[list[str]]:
    """Return the words after `ragflow` of every command line, up to the first that is no name."""
    found = []
    for line in code_in(text):
        match = re.match(
            r"\s*(?:\$ )?(?:\.venv/bin/)?ragflow((?: [a-z][a-z-]*)+)(?![\w./*:=])", line
        )
        if match:
            found.append(match[1].split())
    return found


def targets_in(text: str) -> set[str]:
    """Return the targets of every `make` line."""
    lines = (re.match(r"\s*(?:\$ )?make ([a-z][a-z-]*)", line) for line in code_in(text))
    return {match[1] for match in lines if match}


def files_in(text: str) -> set[str]:
    """Return where links and pictures point to within the checkout."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\(<?([^)\s>]+)", plain)
    return {link.partition("#")[0] for link in found if not re.match(r"[a-z]+:|#", link)}


def unknown(words: list[str], command: object) -> str | None:
    """Return the first of these words that names no command, or None."""
    for word in words:
        known = getattr(command, "commands", None)
        if known is None:
            return None  # a leaf: what follows are its arguments
        if word not in known:
            return word
        command = known[word]
    return None


def test_every_command_named_in_the_readme_exists():
    readme = ROOT / "README.md"
    if not readme.exists() or not (ROOT / "ragflow" / "cli" / "main.py").exists():
        pytest.skip("README.md or ragflow/cli/main.py is not written yet")
    typer = pytest.importorskip("typer")
    main = pytest.importorskip("ragflow.cli.main")
    [app] = [value for value in vars(main).values() if isinstance(value, typer.Typer)]
    command = typer.main.get_command(app)
    commands = commands_in(readme.read_text(encoding="utf-8"))
    assert [words for words in commands if unknown(words, command)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_a_document_links_to_exists(document):
    links = files_in(document.read_text(encoding="utf-8"))
    # A link that starts with a slash counts from the root of the checkout.
    places = {n: ROOT / n[1:] if n.startswith("/") else document.parent / n for n in links}
    assert [name for name, place in places.items() if not place.exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_target_of_make_a_document_names_exists(document):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    assert targets_in(document.read_text(encoding="utf-8")) - targets == set()


# --- The reading of documents -------------------------------------------------------------------

EXAMPLE = """
Run `ragflow gone` or `ragflow run handbook --n 3`, see [it](docs/it.md#part) and [net](https://e.g).
A `ragflow.toml` and `ragflow/cli` are no commands; [here](#below).

```sh
make demo FOLDER="my docs"
$ ragflow dead-letters replay KEY
ragflow --help
[no](link.md)
```
"""


def test_commands_targets_and_links_are_found():
    assert sorted(commands_in(EXAMPLE)) == [
        ["dead-letters", "replay"],
        ["gone"],
        ["run", "handbook"],
    ]
    assert targets_in(EXAMPLE) == {"demo"}
    assert files_in(EXAMPLE) == {"docs/it.md"}


def test_a_command_that_does_not_exist_is_caught():
    typer = pytest.importorskip("typer")
    app, letters = typer.Typer(), typer.Typer()
    app.command("run")(lambda pipeline: None)
    letters.command("replay")(lambda key: None)
    letters.command("discard")(lambda key: None)
    app.add_typer(letters, name="dead-letters")
    command = typer.main.get_command(app)
    found = [unknown(words, command) for words in sorted(commands_in(EXAMPLE))]
    assert found == [None, "gone", None]
