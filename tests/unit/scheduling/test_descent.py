"""Whatever a pipeline looks like, a walk gives what plain recursion over its parts gives."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ragflow import SkipDocument, task
from ragflow.core.graph_builder import record
from ragflow.core.node import Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.rules import Decision, Rule, decide
from ragflow.core.shapes import Shape
from ragflow.core.source_reference import SourceReference
from ragflow.errors import PipelineError
from ragflow.incremental.fingerprint import fingerprint_value
from ragflow.scheduling.calls import Counted, Stop
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.definitions import define
from ragflow.scheduling.descent import LeftOut, Verdict, weigh, whole
from ragflow.scheduling.walk import Ground, Walk, tasks_below
from ragflow.tasks import read, split

Path = tuple[int, ...]


@task(version="1")
def alone(one: str) -> str | None: ...
@task(version="1")
def with_one(one: str, other: str | None) -> str | None: ...
@task(version="1")
def with_two(one: str, other: str | None, third: str | None) -> str | None: ...
@task(version="1")
def cut(one: str) -> list[str]: ...


def is_even(value: str) -> bool:
    if len(value) % 7 == 0:
        raise ValueError("seven")
    return sum(value.encode()) % 2 == 0


WORK = (alone, with_one, with_two)

SPEC = st.tuples(
    st.sampled_from(["work", "work", "work", "cut", "split", "union"]),
    st.lists(st.integers(0, 20), min_size=3, max_size=3),
    st.lists(st.integers(0, 20), max_size=2),
    st.sampled_from(list(Rule)),
)


def graph_of(specs: Sequence[Any]) -> PipelineGraph:
    """Return a graph of as much of this as makes sense."""
    with record("p") as builder:
        handles: list[Any] = [read(SourceReference("files", {}))]
        for kind, data, after, rule in specs:
            over, *others = [handles[number % len(handles)] for number in data]
            waits = tuple(handles[number % len(handles)] for number in after)
            try:
                if kind == "split":
                    handles += split(over, by=is_even)
                elif kind == "union":
                    handles.append(over | others[0])
                elif kind == "cut":
                    handles.append(cut.options(when=rule, after=waits)(over))
                else:
                    function: Any = WORK[data[0] % 3]
                    joined = others[: data[0] % 3]
                    handles.append(function.options(when=rule, after=waits)(over, *joined))
            except PipelineError:
                continue
        return builder.graph()


class Luck:
    """What each call comes to, drawn once."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._drawn: dict[tuple[str, Path], str] = {}

    def of(self, name: str, path: Path) -> str:
        if (name, path) not in self._drawn:
            kinds = ["ok", "ok", "ok", "fail", "skip", "none", "many"]
            self._drawn[name, path] = self._data.draw(st.sampled_from(kinds))
        return self._drawn[name, path]

    def values(self, node: Node, path: Path) -> list[str]:
        """Return the values of a call that neither failed nor was skipped."""
        kind = self.of(node.name, path)
        number = {"ok": 1, "none": 0, "many": 3 if node.task.signature.cuts else 1}[kind]
        return [f"{node.name}{path}{n}" for n in range(number)]


def walked(graph: PipelineGraph, luck: Luck) -> tuple[dict[str, Any], dict[Any, Any]]:
    """Walk one owner; return what became of each part, and what each call was given."""
    ground = Ground("read", tasks_below(graph.members("read")), define(graph, {}), {})
    walk = Walk(ground, "k", Datum(b"f", {}, value="start"))
    given_to = {}
    for node in ground.nodes:
        calls = walk.calls(node)
        outcomes: list[Any] = []
        for call in calls:
            given_to[node.name, call.path] = [datum.value() for datum in call.inputs]
            kind = luck.of(node.name, call.path)
            if kind in ("fail", "skip"):
                error = ValueError("no") if kind == "fail" else SkipDocument("no")
                outcomes.append(Stop(node.name, call.path, error))
            else:
                values = luck.values(node, call.path)
                outcomes.append([Datum(fingerprint_value(v), {}, value=v) for v in values])
        walk.settle(node, calls, outcomes)
    found = {
        name: {path: _word(entry) for path, entry in table.items() if _word(entry) != "skipped"}
        for name, table in walk.tables.items()
    }
    for name, table in found.items():
        assert walk.verdict(name).succeeded == sum(w != "failed" for w in table.values())
        assert walk.verdict(name).failed == sum(w == "failed" for w in table.values())
    return found, given_to


def _word(entry: Datum | Stop) -> Any:
    if isinstance(entry, Datum):
        return entry.value()
    return "skipped" if isinstance(entry.error, SkipDocument) else "failed"


NO_VALUE = ("failed", "skipped", "absent")


class Plainly:
    """Says what becomes of each part by the words of the documentation, slowly."""

    def __init__(self, graph: PipelineGraph, luck: Luck) -> None:
        self._nodes = graph.nodes
        self._luck = luck
        self.given_to: dict[Any, Any] = {}
        self._made: dict[str, dict[Path, Any]] = {}

    def made(self, name: str) -> dict[Path, Any]:
        """Return by part its value, "failed", "skipped", or "absent" where it was filtered out."""
        if name not in self._made:
            self._made[name] = self._make(self._nodes[name])
        return self._made[name]

    def _make(self, node: Node) -> dict[Path, Any]:
        if node.shape is Shape.SOURCE:
            return {(): "start"}
        if node.shape is Shape.UNION:
            return self._union(node)
        over = self.made(node.data[0])
        if node.shape is Shape.BRANCH:
            return {path: self._side(node, value) for path, value in over.items()}
        found: dict[Path, Any] = {}
        for path, value in over.items():
            found.update(self._call(node, path, value))
        return found

    def _call(self, node: Node, path: Path, value: str) -> dict[Path, Any]:
        if value in NO_VALUE:
            return {path: value}
        joined = [self._above(name, path) for name in node.data[1:]]
        seen = [*joined, *(word for name in node.after for word in self._beside(node, name, path))]
        failed, skipped = seen.count("failed"), seen.count("skipped")
        succeeded = len(seen) - failed - skipped
        decision = decide(node.rule, succeeded=succeeded, skipped=skipped, failed=failed)
        if decision is not Decision.RUN:
            return {path: "failed" if decision is Decision.BLOCK else "skipped"}
        self.given_to[node.name, path] = [
            value,
            *(None if each in NO_VALUE else each for each in joined),
        ]
        kind = self._luck.of(node.name, path)
        if kind in ("fail", "skip"):
            return {path: "failed" if kind == "fail" else "skipped"}
        values = self._luck.values(node, path)
        if node.task.signature.cuts:
            return {(*path, number): each for number, each in enumerate(values)}
        return {path: values[0] if values else "absent"}

    def _above(self, name: str, path: Path) -> Any:
        made = self.made(name)
        found = (made.get(path[:n], "absent") for n in range(len(path), -1, -1))
        return next((word for word in found if word != "absent"), "skipped")

    def _beside(self, node: Node, name: str, path: Path) -> list[Any]:
        mine, theirs = self._nodes[node.data[0]].lineage, self._nodes[name].lineage
        if mine[: len(theirs)] == theirs:
            return [self._above(name, path)]
        shared = 0
        while shared < min(len(mine), len(theirs)) and mine[shared] == theirs[shared]:
            shared += 1
        family = path[:shared]
        return [
            word
            for other, word in self.made(name).items()
            if word != "absent" and all(a == b for a, b in zip(other, family, strict=False))
        ]

    @staticmethod
    def _side(node: Node, value: str) -> str:
        if value in NO_VALUE:
            return value
        try:
            return value if is_even(value) is node.subject.side else "absent"
        except ValueError:
            return "failed"

    def _union(self, node: Node) -> dict[Path, Any]:
        one, other = (self.made(name) for name in node.data)
        found = {}
        for path in one.keys() | other.keys():
            words = [side.get(path, "absent") for side in (one, other)]
            values = [word for word in words if word not in NO_VALUE]
            if len(values) == 1:
                found[path] = values[0]
            else:
                worst = next((w for w in ("failed", "skipped") if w in words), "absent")
                found[path] = "failed" if values else worst
        return found


@settings(max_examples=200, deadline=None)
@given(st.lists(SPEC, min_size=2, max_size=9), st.data())
def test_a_walk_comes_to_what_plain_recursion_comes_to(specs, data):
    graph = graph_of(specs)
    nodes = graph.nodes
    unions = [[nodes[name].lineage for name in n.data] for n in graph.shaped(Shape.UNION)]
    assume(all(one == other for one, other in unions))
    luck = Luck(data)
    found, given_to = walked(graph, luck)
    plain = Plainly(graph, luck)
    for name in nodes:
        wanted = {
            path: word
            for path, word in plain.made(name).items()
            if word not in ("skipped", "absent")
        }
        assert found[name] == wanted, name
    assert given_to == plain.given_to


def test_a_part_that_is_there_on_both_sides_names_both_tasks():
    with record("p") as builder:
        documents = read(SourceReference("files", {}))
        _ = alone(documents) | alone.options(name="other")(documents)
    graph = builder.graph()
    ground = Ground("read", tasks_below(graph.members("read")), define(graph, {}), {})
    walk = Walk(ground, "k", Datum(b"f", {}, value="start"))
    for node in ground.nodes:
        calls = walk.calls(node)
        walk.settle(node, calls, [[Datum(b"v", {}, value="v")]] * len(calls))
    stop = walk.tables["union"][()]
    assert isinstance(stop, Stop)
    assert str(stop.error) == "alone and other both have a value for the document"
    assert walk.verdict("union") == Verdict(failed=1)


# --- what the parts come to for their owner ---------------------------------------------------


FAILED = Stop("a", (), ValueError("no"))
SKIPPED = Stop("a", (), SkipDocument("nothing"))
NEEDY = Stop("a", (1,), SkipDocument("no tesseract", requirement="program:tesseract"))
RULED_OUT = Stop("a", (), LeftOut("nothing failed"))
COUNTED = Stop("a", (), Counted())


@pytest.mark.parametrize(
    ("stops", "alone", "beside_others"),
    [
        ([], None, None),
        ([RULED_OUT], None, None),
        ([SKIPPED], SKIPPED, None),
        ([RULED_OUT, SKIPPED], SKIPPED, None),
        ([SKIPPED, NEEDY], NEEDY, NEEDY),
        ([SKIPPED, COUNTED], COUNTED, COUNTED),
        ([SKIPPED, COUNTED, FAILED], FAILED, FAILED),
    ],
)
def test_an_owner_is_served_whole_or_as_far_as_something_is_there(stops, alone, beside_others):
    assert weigh(stops, is_anything_there=False) is alone
    assert weigh(stops, is_anything_there=True) is beside_others


def test_a_whole_task_of_which_some_failed_counts_as_both():
    assert whole([]) == Verdict()
    assert whole([Verdict(99, 3, 1), Verdict(5, 5, 0), Verdict(0, 2, 0), Verdict()]) == Verdict(
        succeeded=2, skipped=1, failed=1
    )


def test_what_waits_for_a_whole_task_goes_by_what_became_of_it():
    def p() -> Any:
        first = alone(read(SourceReference("files", {}), name="first"))
        other = read(SourceReference("files", {}), name="other")
        alone.options(name="tidy", when="any_failed", after=first)(other)
        alone.options(name="usual", after=first)(other)

    with record("p") as builder:
        p()
    graph = builder.graph()
    for verdict, called, reason in (
        (Verdict(succeeded=3), {"usual"}, None),
        (Verdict(succeeded=3, failed=1), {"tidy"}, "alone failed, which it waits for"),
    ):
        ground = Ground(
            "read-2",
            tasks_below(graph.members("read-2")),
            define(graph, {}),
            {},
            over={"alone": verdict},
        )
        walk = Walk(ground, "k", Datum(b"f", {}, value="start"))
        calls = {node.name: walk.calls(node) for node in ground.nodes}
        assert {name for name, each in calls.items() if each} == called
        for node in ground.nodes:
            walk.settle(node, calls[node.name], [[]] * len(calls[node.name]))
        stop = walk.tables["usual"].get(())
        assert (str(stop.error) if isinstance(stop, Stop) else None) == reason
