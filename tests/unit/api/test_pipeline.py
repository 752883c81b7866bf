"""A pipeline is a function with typed parameters: scoped, derived, drawn and run."""

import asyncio
from pathlib import Path
from typing import Any, Literal

import pytest

from ragflow import Secret, pipeline, task
from ragflow.config import Project, ProjectConfig
from ragflow.errors import ParameterError, PipelineError
from ragflow.tasks import files, read
from tests.unit.scheduling.desk import Desk, Shelf, changes, save

SHELF = Shelf(a="one", b="two")


@task(version="1")
def cut(text: str, *, size: int) -> str:
    return text[:size]


@pipeline(schedule="0 * * * *")
def handbook(table: str = "handbook", size: int = 3, folder: str = "docs"):
    """Keep the handbook's index fresh.

    Every hour.
    """
    save(cut(read(SHELF), size=size), table=table)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "project")


def scope_of(made: Any, **given: Any) -> dict[str, Any]:
    project = Project(Path("/nowhere"), Path("/nowhere/.ragflow"), ProjectConfig())
    return made.request(given, project=project).scope


def test_a_pipeline_says_what_it_is():
    assert handbook.name == "handbook"
    assert handbook.description == "Keep the handbook's index fresh."
    assert str(handbook.schedule) == "0 * * * *"
    assert repr(handbook) == "<pipeline handbook>"
    assert list(handbook.parameters.by_name) == ["table", "size", "folder"]


def test_the_scope_is_found_by_what_names_a_target():
    assert scope_of(handbook) == {"table": "handbook"}
    assert scope_of(handbook, table="x", size=9, folder="y") == {"table": "x"}


def test_the_scope_of_a_name_that_is_built_is_what_it_is_built_of():
    @pipeline
    def p(team: str, year: int = 2024, size: int = 3, deep: bool = False):
        save(cut(read(SHELF), size=size), table=f"{team}-{year}")

    assert scope_of(p, team="legal") == {"team": "legal", "year": 2024}


def test_a_parameter_that_may_only_have_some_values_names_nothing():
    @pipeline
    def p(mode: str = "fast", kind: Literal["a", "b"] = "a", table: str = "t"):
        size = {"fast": 1, "good": 2}[mode]
        if kind not in ("a", "b"):
            raise AttributeError(kind)
        save(cut(read(SHELF), size=size), table=table)

    assert scope_of(p) == {"table": "t"}


def test_one_parameter_may_name_source_and_target():
    @pipeline
    def p(topic: str):
        save(cut(read(files(topic)), size=1), table=topic)

    assert scope_of(p, topic="law") == {"topic": "law"}


def test_a_stated_scope_is_taken_and_checked():
    made = pipeline(scope=["size"])(handbook.function)
    assert scope_of(made, size=5) == {"size": 5}
    assert scope_of(pipeline(scope=[])(handbook.function)) == {}
    with pytest.raises(ParameterError, match="no parameter 'tabel'"):
        pipeline(scope=["tabel"])(handbook.function)


def test_a_variant_has_other_defaults_and_another_name(desk: Desk):
    legal = handbook.derive("legal", table="legal", size=2)
    assert (legal.name, str(legal.schedule)) == ("legal", "0 * * * *")
    assert scope_of(legal) == {"table": "legal"}
    desk.run(handbook)
    desk.run(legal)
    assert desk.values("handbook") == {"a": ["one"], "b": ["two"]}
    assert desk.values("legal") == {"a": ["on"], "b": ["tw"]}
    shorter = legal.derive("shorter", size=1)
    assert shorter.values({}) == {"table": "legal", "size": 1, "folder": "docs"}
    assert legal.values({"size": 9})["size"] == 9
    with pytest.raises(ParameterError, match="the pipeline other has no parameter 'sise'"):
        handbook.derive("other", sise=2)


def test_variants_in_one_table_never_touch_each_others_rows(desk: Desk):
    legal = handbook.derive("legal")
    desk.run(handbook)
    assert changes(desk.run(legal)) == {"added": 2}
    assert desk.values("handbook") == {"a": ["one", "one"], "b": ["two", "two"]}


def test_values_of_the_project_stand_before_defaults_and_behind_what_is_given(desk: Desk):
    config = ProjectConfig(parameters={"handbook": {"size": 1, "table": "t"}})
    project = Project(desk.project.root, desk.project.home, config)
    asked = handbook.request({"table": "u"}, project=project)
    assert asked.parameters == {"table": "u", "size": 1, "folder": "docs"}
    wrong = ProjectConfig(parameters={"handbook": {"sise": 1}})
    with pytest.raises(ParameterError, match="'sise'"):
        handbook.request({}, project=Project(Path("/x"), Path("/x"), wrong))


def test_a_pipeline_is_drawn_without_deciding_anything():
    @pipeline
    def p(folder: str, size: int, ratio: float, deep: bool, table: str = "t"):
        save(cut(read(files(folder)), size=size), table=table)

    graph = p.graph()
    assert list(graph.nodes) == ["read", "cut", "save"]
    assert graph.nodes["cut"].parameters == {"size": 1}
    assert p.graph(size=7).nodes["cut"].parameters == {"size": 7}
    with pytest.raises(ParameterError, match="'seven' is no int"):
        p.graph(size="seven")


@pytest.mark.parametrize("taken", ["accept", "instance", "project", "wait", "observer"])
def test_a_parameter_cannot_be_called_like_an_option_of_run(taken):
    space: dict[str, Any] = {}
    exec(f"def p({taken}: str = ''): ...", space)
    with pytest.raises(PipelineError, match=f"has a parameter called '{taken}'"):
        pipeline(space["p"])


def test_a_run_and_a_plan_are_objects_with_their_numbers(tmp_path: Path):
    (tmp_path / "ragflow.toml").touch()

    @task(version="1", per="run")
    def hello() -> str:
        return "hello"

    @pipeline
    def p():
        hello()

    run = p.run(project=tmp_path)
    assert run.state == "succeeded"
    assert run.tasks["hello"]["ran"] == 1
    assert "documents" in dir(run)
    assert repr(run) == "<run 1: succeeded 1 step>"
    with pytest.raises(AttributeError, match="Run has no 'document'; it has schema"):
        _ = run.document
    plan = p.plan(project=str(tmp_path))
    assert plan.exact
    assert repr(plan) == "<plan: {}, 0 chunks to embed>"
    with pytest.raises(ParameterError, match="no parameter 'size'"):
        p.run(project=tmp_path, size=5)


def test_a_pipeline_runs_inside_a_running_loop(tmp_path: Path):
    (tmp_path / "ragflow.toml").touch()

    @task(version="1", per="run")
    async def hello() -> str:
        await asyncio.sleep(0)
        return "hello"

    @pipeline
    def p():
        hello()

    async def notebook() -> str:
        return p.run(project=tmp_path).state

    assert asyncio.run(notebook()) == "succeeded"


def test_parameters_of_every_type_are_kept_with_the_run(desk: Desk):

    key = Secret("env:KEY")

    @pipeline
    def p(key: Secret = key, place: Path = Path("x"), table: str = "t"):
        save(read(SHELF), table=table)

    desk.run(p)
    assert desk.last_run().parameters == {"key": "env:KEY", "place": "x", "table": "t"}
