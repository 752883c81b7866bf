"""The house rules that no tool on the market holds, each as a function from source to violations.

A violation is one line: where, and what to do about it. Nothing here is imported or run; the
source is read as a syntax tree.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST_FILE = 400
LONGEST_FUNCTION = 80

#: What asks the machine for the time.
TIME = frozenset(
    {
        "datetime.date.today",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "time.gmtime",
        "time.localtime",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.process_time",
        "time.process_time_ns",
        "time.time",
        "time.time_ns",
    }
)

#: What reads the environment.
ENVIRONMENT = frozenset(
    {"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.path.expandvars"}
)

#: Words the glossary has another word for.
FORBIDDEN_WORDS = {
    "backend": "store, executor",
    "connector": "source, target",
    "dlq": "dead letter",
    "flow": "pipeline",
    "sink": "target",
    "workflow": "pipeline",
}

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Source:
    """One file, read and parsed."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @classmethod
    def read(cls, path: Path, root: Path) -> "Source":
        text = path.read_text(encoding="utf-8")
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        return cls(path.relative_to(root), name, text, ast.parse(text, filename=str(path)))

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {what}"


def too_long(source: Source) -> Iterator[str]:
    """Files above 400 lines and functions above 80: each hides an idea that wants a name."""
    lines = len(source.text.splitlines())
    if lines > LONGEST_FILE:
        yield source.at(source.tree, f"{lines} lines, more than {LONGEST_FILE}")
    for node in ast.walk(source.tree):
        if isinstance(node, FUNCTION):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield source.at(
                    node, f"{node.name} has {length} lines, more than {LONGEST_FUNCTION}"
                )


def misnamed(source: Source) -> Iterator[str]:
    """Modules that say nothing, or take the name of one of the standard library."""
    word = source.name.rpartition(".")[2]
    if word.lstrip("_") in {"util", "utils", "helper", "helpers", "misc", "common"}:
        yield source.at(source.tree, f"{word} says nothing; name the idea")
    elif word in sys.stdlib_module_names and not word.startswith("_"):
        yield source.at(source.tree, f"{word} is a module of the standard library")


def undocumented(source: Source) -> Iterator[str]:
    """Public things without a docstring whose first line is a sentence."""
    if any(part.startswith("_") for part in source.name.split(".")):
        return
    for node, name in [(source.tree, "the module"), *_public(source.tree)]:
        docstring = ast.get_docstring(node)
        first_line = docstring.splitlines()[0] if docstring else ""
        if not first_line:
            yield source.at(node, f"{name} has no docstring")
        elif not first_line.endswith((".", "?")):
            yield source.at(node, f"the first line of {name} is no whole sentence: {first_line!r}")


def reads_time(source: Source) -> Iterator[str]:
    """Questions to the machine's clock."""
    for node, name in _names_used(source.tree):
        if name in TIME:
            yield source.at(node, f"{name}: use a Clock")


def reads_environment(source: Source) -> Iterator[str]:
    """Looks into the environment."""
    for node, name in _names_used(source.tree):
        if name in ENVIRONMENT:
            yield source.at(node, f"{name}: use ragflow.config or ragflow.secrets")


def outside_glossary(source: Source) -> Iterator[str]:
    """Public names that use a word the glossary has another word for."""
    named: list[tuple[ast.AST, str]] = [(source.tree, source.name.rpartition(".")[2])]
    named += [(node, node.name) for node, _ in _public(source.tree, overloads=True)]
    for node, _ in _public(source.tree, overloads=True):
        if isinstance(node, FUNCTION):
            named += [(argument, argument.arg) for argument in _arguments(node)]
    named += list(_assigned(source.tree))
    for place, name in named:
        if name.startswith("_"):
            continue
        for word in _words(name):
            better = FORBIDDEN_WORDS.get(word, FORBIDDEN_WORDS.get(word.removesuffix("s")))
            if better:
                yield source.at(place, f"{name}: the glossary says {better}")


def _words(name: str) -> list[str]:
    """Split a name where its case or an underscore does: `DLQEntry` is dlq, entry."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def _blocks(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement that runs when the body does, those under `if` and `try` too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for field in ("body", "orelse", "finalbody"):
                yield from _blocks(getattr(statement, field, []))
            for handler in getattr(statement, "handlers", []):
                yield from _blocks(handler.body)


def _public(
    scope: ast.Module | ast.ClassDef, prefix: str = "", *, overloads: bool = False
) -> Iterator[tuple[Definition, str]]:
    for node in _blocks(scope.body):
        if not isinstance(node, (*FUNCTION, ast.ClassDef)) or node.name.startswith("_"):
            continue
        decorators = {
            ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list
        }
        if overloads or not decorators & {"overload", "setter", "deleter"}:
            yield node, prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _public(node, f"{prefix}{node.name}.", overloads=overloads)


def _arguments(function: Function) -> list[ast.arg]:
    given = function.args
    optional = [given.vararg, given.kwarg]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *(one for one in optional if one)]


def _assigned(scope: ast.Module | ast.ClassDef) -> Iterator[tuple[ast.AST, str]]:
    for node in _blocks(scope.body):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Name):
                    yield part, part.id
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _assigned(node)


def _names_used(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every imported thing that is used, under its full name, whatever it is called here."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node, f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            head, rest = _dotted(node)
            if head in known:
                yield node, ".".join([known[head], *rest])


def _dotted(node: ast.expr) -> tuple[str, list[str]]:
    """Split `a.b.c` into its head and the rest; what hangs on no name has an empty head."""
    rest: list[str] = []
    while isinstance(node, ast.Attribute):
        rest.insert(0, node.attr)
        node = node.value
    return (node.id if isinstance(node, ast.Name) else ""), rest
