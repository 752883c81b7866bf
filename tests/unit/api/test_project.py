import sys

import pytest

from ragflow.api.project import find_pipeline, load_pipelines, pipeline_files
from ragflow.config import find_project
from ragflow.errors import NotFoundError, PipelineError

ONE = """
from ragflow import pipeline

@pipeline
def {name}(folder: str = "docs") -> None:
    \"\"\"Do nothing.\"\"\"
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a function that writes pipeline files and gives the project."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    monkeypatch.delenv("RAGFLOW_HOME", raising=False)

    def write(**files):
        (tmp_path / "ragflow.toml").touch()
        (tmp_path / "pipelines").mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / "pipelines" / f"{name}.py").write_text(text, encoding="utf-8")
        return find_project(tmp_path)

    yield write
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "pipelines":
            del sys.modules[name]


def message_of(project):
    with pytest.raises(PipelineError) as caught:
        load_pipelines(project)
    return str(caught.value), caught.value.hint


def test_every_pipeline_of_every_file_is_found(project):
    found = load_pipelines(project(a=ONE.format(name="second"), b=ONE.format(name="first")))
    assert list(found) == ["first", "second"]
    assert found["first"].description == "Do nothing."


def test_a_project_without_a_folder_defines_nothing(tmp_path):
    (tmp_path / "ragflow.toml").touch()
    assert load_pipelines(find_project(tmp_path)) == {}


def test_what_editors_leave_and_the_packages_own_file_are_not_read(project):
    opened = project(a=ONE.format(name="a"), **{".#a": "1/0", "__init__": "1/0"})
    assert [file.name for file in pipeline_files(opened)] == ["a.py"]


def test_files_import_each_other_and_what_lies_beside_the_folder(project, tmp_path):
    (tmp_path / "beside.py").write_text("NAME = 'third'", encoding="utf-8")
    opened = project(
        a="from pipelines.b import first\nfrom beside import NAME\nthird = first.derive(NAME)",
        b=ONE.format(name="first"),
    )
    found = load_pipelines(opened)
    assert list(found) == ["first", "third"]
    assert found["third"].function is found["first"].function


def test_a_module_is_called_the_same_wherever_the_project_lies(project):
    found = load_pipelines(project(plain=ONE.format(name="plain")))
    assert found["plain"].function.__module__ == "pipelines.plain"


def test_two_projects_in_one_process_do_not_share_a_module(project, tmp_path):
    load_pipelines(project(same=ONE.format(name="one")))
    other = tmp_path / "other"
    (other / "pipelines").mkdir(parents=True)
    (other / "ragflow.toml").touch()
    (other / "pipelines" / "same.py").write_text(ONE.format(name="two"), encoding="utf-8")
    assert list(load_pipelines(find_project(other))) == ["two"]


def test_loading_twice_gives_the_same_pipelines(project):
    opened = project(a=ONE.format(name="first"))
    assert load_pipelines(opened)["first"] is load_pipelines(opened)["first"]


def test_two_pipelines_of_one_name_name_both_files(project):
    message, hint = message_of(project(a=ONE.format(name="same"), b=ONE.format(name="same")))
    assert message == "two pipelines are called 'same', in pipelines/a.py and pipelines/b.py"
    assert hint == "rename one: its state is kept under its name"


def test_a_file_that_raises_is_named_with_the_line(project):
    message, _ = message_of(project(a="import os\n\nx = {}['gone']\n"))
    assert message == "pipelines/a.py:3: KeyError: 'gone'"


def test_the_line_is_the_users_even_where_a_library_raised(project):
    message, _ = message_of(project(a="import json\n\njson.loads('{')\n"))
    assert message.startswith("pipelines/a.py:3: JSONDecodeError: ")


def test_what_another_file_raises_is_named_there(project, tmp_path):
    (tmp_path / "broken.py").write_text("\nraise ValueError('two\\nlines')\n", encoding="utf-8")
    message, _ = message_of(project(a="import broken\n"))
    assert message == "broken.py:2: ValueError: two lines"


def test_a_file_that_is_no_python_is_named_with_the_line(project):
    message, _ = message_of(project(a="x = 1\ndef f(:\n"))
    assert message.startswith("pipelines/a.py:2: SyntaxError: ")


def test_a_wrong_definition_keeps_its_own_hint(project):
    text = ONE.format(name="taken").replace("folder", "accept")
    message, hint = message_of(project(a=text))
    assert message == "pipelines/a.py:4: the pipeline 'taken' has a parameter called 'accept'"
    assert hint is not None
    assert hint.startswith("call it otherwise")


def test_a_file_that_exits_is_an_error_and_not_the_end(project):
    message, _ = message_of(project(a="raise SystemExit(3)"))
    assert message == "pipelines/a.py:1: SystemExit: 3"


def test_a_file_that_raised_is_read_again_once_it_is_corrected(project):
    opened = project(a="1/0")
    message_of(opened)
    assert list(load_pipelines(project(a=ONE.format(name="first")))) == ["first"]


def test_an_unknown_name_comes_with_the_nearest_and_the_known(project):
    opened = project(a=ONE.format(name="handbook"), b=ONE.format(name="legal"))
    assert find_pipeline(opened, "legal").name == "legal"
    with pytest.raises(NotFoundError, match="there is no pipeline 'handbok'") as caught:
        find_pipeline(opened, "handbok")
    assert caught.value.hint == "did you mean 'handbook'? pipelines: handbook, legal"


def test_an_unknown_name_in_an_empty_project_says_where_to_begin(project):
    with pytest.raises(NotFoundError) as caught:
        find_pipeline(project(), "handbook")
    assert caught.value.hint == "define one in pipelines/, or run `ragflow init`"
