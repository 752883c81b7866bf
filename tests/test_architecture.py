"""The rules of the house, held by machine, and proof that each would catch a breach."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests import rules
from tests.rules import Source

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = ROOT / "pyproject.toml"

#: Modules that bear the name of a standard one all the same, each with its reason.
NAMED_AS_STANDARD = {
    "ragflow.secrets": "secret references; the design's word, always imported as ragflow.secrets",
    "ragflow.tasks.chunk": "the glossary's word; the standard module left in Python 3.13",
}
#: The only modules that may ask the machine.
MAY_READ_TIME = re.compile(r"ragflow\.clock$")
MAY_READ_ENVIRONMENT = re.compile(r"ragflow\.(config|secrets)(_\w+)?(\.|$)")

#: What start-up does not need, and a user should not wait for.
HEAVY = {
    "alembic",
    "chromadb",
    "networkx",
    "sentence_transformers",
    "sqlalchemy",
    "torch",
    "transformers",
}


def sources(*folders: str) -> list[Source]:
    """Return every Python file under these folders of the checkout."""
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [Source.read(path, ROOT) for path in paths]


def violations(
    rule: Callable[[Source], Iterator[str]], among: Iterable[Source], *, but: Iterable[str] = ()
) -> list[str]:
    """Return what the rule says about these sources, leaving out the modules named."""
    return [line for source in among if source.name not in but for line in rule(source)]


# --- Over the tree ----------------------------------------------------------------------------


def test_no_file_and_no_function_is_too_long():
    assert violations(rules.too_long, sources("ragflow", "pipelines", "tests")) == []


def test_every_module_is_named_after_its_idea():
    assert violations(rules.misnamed, sources("ragflow"), but=NAMED_AS_STANDARD) == []


def test_every_public_thing_has_a_docstring_that_starts_with_a_sentence():
    assert violations(rules.undocumented, sources("ragflow")) == []


def test_only_the_clock_reads_time():
    others = [s for s in sources("ragflow", "pipelines") if not MAY_READ_TIME.match(s.name)]
    assert violations(rules.reads_time, others) == []


def test_only_config_and_secrets_read_the_environment():
    others = [s for s in sources("ragflow", "pipelines") if not MAY_READ_ENVIRONMENT.match(s.name)]
    assert violations(rules.reads_environment, others) == []


def test_public_names_use_the_words_of_the_glossary():
    assert violations(rules.outside_glossary, sources("ragflow", "pipelines")) == []


def test_imports_keep_the_contracts():
    found = lint_imports(ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


def test_import_ragflow_imports_nothing_heavy():
    assert imported_by("import ragflow") & HEAVY == set()


def test_the_help_of_the_command_line_imports_nothing_heavy():
    if not (ROOT / "ragflow" / "cli" / "main.py").exists():
        pytest.skip("ragflow/cli/main.py is not written yet")
    show_help = """
        import sys
        from ragflow.cli.main import run
        sys.argv = ["ragflow", "--help"]
        try:
            run()
        except SystemExit as end:
            assert not end.code, end.code
    """
    assert imported_by(show_help) & HEAVY == set()


# --- How the contracts and start-up are looked at -----------------------------------------------


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the package `ragflow` in this folder against the contracts of pyproject.toml."""
    command = "from importlinter.cli import lint_imports_command as check; check()"
    options = ["--config", str(PYPROJECT), "--no-cache", "--no-logo"]
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", command, *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def imported_by(code: str) -> set[str]:
    """Return the top-level modules a fresh interpreter holds after running this code."""
    lines = code.splitlines()
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    plain = "\n".join(line[indent:] for line in lines)
    report = (
        "import sys; print('', *{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{plain}\n{report}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


# --- Every rule catches a breach ----------------------------------------------------------------


def planted(tmp_path: Path, text: str, name: str = "ragflow/planted.py") -> Source:
    """Return the source of a file with this text."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return Source.read(path, tmp_path)


def test_a_long_file_and_a_long_function_are_caught(tmp_path):
    body = "    pass\n"
    assert list(rules.too_long(planted(tmp_path, "def f():\n" + body * 79))) == []
    assert list(rules.too_long(planted(tmp_path, "def f():\n" + body * 80))) == [
        "ragflow/planted.py:1: f has 81 lines, more than 80"
    ]
    assert list(rules.too_long(planted(tmp_path, "x = 1\n" * 401))) == [
        "ragflow/planted.py:1: 401 lines, more than 400"
    ]


@pytest.mark.parametrize("name", ["utils", "helpers", "_utils", "queue", "json/__init__"])
def test_a_module_that_says_nothing_or_hides_a_standard_one_is_caught(tmp_path, name):
    assert len(list(rules.misnamed(planted(tmp_path, "", f"ragflow/core/{name}.py")))) == 1


def test_a_module_named_after_its_idea_is_let_be(tmp_path):
    assert list(rules.misnamed(planted(tmp_path, "", "ragflow/core/states.py"))) == []


def test_what_lacks_a_docstring_is_named(tmp_path):
    source = planted(
        tmp_path,
        '''
"""Says what it is for."""

class Store:
    """is unfinished
    because it goes on.
    """

    def open(self): ...
    @property
    def size(self):
        """Count rows."""
    @size.setter
    def size(self, value): ...
    def __init__(self): ...
    def _close(self): ...

def build():
    """Ask: why not?"""
    def nested(): ...

@overload
def build(x): ...

if True:
    async def serve(): ...
''',
    )
    assert list(rules.undocumented(source)) == [
        "ragflow/planted.py:4: the first line of Store is no whole sentence: 'is unfinished'",
        "ragflow/planted.py:9: Store.open has no docstring",
        "ragflow/planted.py:26: serve has no docstring",
    ]
    assert list(rules.undocumented(planted(tmp_path, "", "ragflow/core/__init__.py"))) == [
        "ragflow/core/__init__.py:1: the module has no docstring"
    ]
    assert list(rules.undocumented(planted(tmp_path, "", "ragflow/core/_private.py"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "import time as t\nstart = t.perf_counter",
        "from time import monotonic as now",
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "from datetime import datetime as when\nwhen.utcnow()",
        "from datetime import date\ndate.today()",
        "def f():\n    import time\n    return time.time_ns()",
    ],
)
def test_a_look_at_the_clock_is_caught(tmp_path, text):
    assert len(list(rules.reads_time(planted(tmp_path, text)))) == 1


def test_sleeping_and_a_clock_given_are_let_be(tmp_path):
    text = (
        "import time\ntime.sleep(1)\ndef f(clock, event):\n    clock.now()\n    event.time.time()"
    )
    assert list(rules.reads_time(planted(tmp_path, text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.environ['HOME']",
        "import os\nos.environ.get('HOME')",
        "import os as system\nsystem.getenv('HOME')",
        "from os import environ",
    ],
)
def test_a_look_into_the_environment_is_caught(tmp_path, text):
    assert len(list(rules.reads_environment(planted(tmp_path, text)))) == 1


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("config", True),
        ("config.files", True),
        ("secrets", True),
        ("config_files", True),
        ("configure", False),
        ("api.config", False),
    ],
)
def test_only_these_modules_may_read_the_environment(module, allowed):
    assert bool(MAY_READ_ENVIRONMENT.match(f"ragflow.{module}")) is allowed


@pytest.mark.parametrize(
    "text",
    [
        "class DLQEntry: ...",
        "def open_sinks(): ...",
        "def store(*, backend): ...",
        "WORKFLOW = 1",
        "class Run:\n    data_flow: int",
        "class Run:\n    def to_connector(self): ...",
        "class RagFlow: ...",
    ],
)
def test_a_word_outside_the_glossary_is_caught(tmp_path, text):
    assert len(list(rules.outside_glossary(planted(tmp_path, text)))) == 1


def test_private_names_and_the_name_of_the_project_are_let_be(tmp_path):
    text = "class RagflowError: ...\nclass _Backend: ...\ndef overflow(): ...\n"
    assert list(rules.outside_glossary(planted(tmp_path, text, "ragflow/__init__.py"))) == []


#: For each contract one breach: where it stands, what is written there, what is reported.
BREACHES = {
    "Layers": (
        "core/planted.py",
        "import ragflow.api.planted",
        "ragflow.core.planted -> ragflow.api.planted",
    ),
    "Orchestration": (
        "incremental/planted.py",
        "def f():\n    import numpy",
        "ragflow.incremental.planted -> numpy",
    ),
    "Nobody": (
        "api/planted.py",
        "from ragflow.sources import files",
        "ragflow.api.planted -> ragflow.sources.files",
    ),
    "Plugins": (
        "targets/planted.py",
        "import typing\nif typing.TYPE_CHECKING:\n    from ragflow.sources.files import F",
        "ragflow.targets.planted -> ragflow.sources.files",
    ),
    "Only embedding": ("parsing/planted.py", "import torch.nn", "ragflow.parsing.planted -> torch"),
    "Only parsing": ("__init__.py", "import pypdf", "ragflow -> pypdf"),
    "Only stores": (
        "views/planted.py",
        "from sqlalchemy import select",
        "ragflow.views.planted -> sqlalchemy",
    ),
    "No cycles": ("tasks/first.py", "import ragflow.tasks.second", "ragflow.tasks"),
}
INNOCENT = {
    "sources/files.py": "F = 1",
    "tasks/second.py": "import ragflow.tasks.first",
    "embedding/encoder.py": "import torch, numpy",
    "parsing/pdf.py": "import pypdf",
    "stores/metadata/sqlite.py": "import sqlalchemy",
}


def package(folder: Path, files: Iterable[tuple[str, str]]) -> None:
    """Write a package `ragflow` of these files."""
    for name, text in files:
        path = folder / "ragflow" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.py"):
        for above in path.relative_to(folder).parents[:-1]:
            (folder / above / "__init__.py").touch()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what is said of each contract that a package with every breach has broken."""
    folder = tmp_path_factory.mktemp("breaches")
    package(folder, [*((name, text) for name, text, _ in BREACHES.values()), *INNOCENT.items()])
    found = lint_imports(folder).stdout.partition("Broken contracts")[2]
    return re.split(r"\n(?=[^\n]+\n-{5,}\n)", found)


def test_every_contract_has_a_planted_breach():
    contracts = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]
    names = [contract["name"] for contract in contracts["contracts"]]
    assert [next((b for b in BREACHES if n.startswith(b)), n) for n in names] == list(BREACHES)


@pytest.mark.parametrize("contract", BREACHES)
def test_a_breach_of_a_contract_is_caught(reports, contract):
    report = next((report for report in reports if report.startswith(contract)), "kept")
    assert BREACHES[contract][2] in report


def test_the_contracts_are_kept_by_a_package_without_breaches(tmp_path):
    package(tmp_path, [*INNOCENT.items(), ("tasks/second.py", "")])
    found = lint_imports(tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_reading_of_start_up_sees_what_is_imported():
    assert "wave" in imported_by("import wave")
    assert "wave" not in imported_by("import sys")
