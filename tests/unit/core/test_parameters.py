"""Parameters are the typed arguments of a function: converted, checked, described."""

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow import Secret
from ragflow.core.parameters import Parameters, plainly
from ragflow.errors import ParameterError, PipelineError

KEY = Secret("env:KEY")


class Depth(Enum):
    SHALLOW = "shallow"
    DEEP = "deep"


class Window(msgspec.Struct):
    size: int
    overlap: int = 0


WIDE = Window(5)


def handbook(  # noqa: PLR0917 - a pipeline's parameters have names
    folder: str,
    size: int = 3,
    ratio: float = 0.5,
    deep: bool = False,
    mode: Literal["fast", "good"] = "fast",
    level: Literal[1, 2] = 1,
    patterns: list[str] | None = None,
    names: Sequence[str] = (),
    weights: Mapping[str, float] = {},
    place: Path = Path("docs"),
    key: Secret = KEY,
    depth: Depth = Depth.SHALLOW,
    window: Window = WIDE,
    untyped=7,
    anything: Any = None,
): ...


PARAMETERS = Parameters.of(handbook, owner="the pipeline handbook")


def converted(name: str, value: Any, *, texts: bool = False) -> Any:
    given = {"folder": "docs", name: value}
    return PARAMETERS.convert(given, texts=texts)[name]


def test_defaults_fill_what_is_not_given():
    values = PARAMETERS.convert({"folder": "docs"})
    assert list(values) == list(PARAMETERS.by_name)
    assert values["size"] == 3
    assert values["patterns"] is None
    assert values["untyped"] == 7


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("folder", "5", "5"),
        ("folder", "", ""),
        ("size", "5", 5),
        ("size", "-1", -1),
        ("ratio", "1e-3", 0.001),
        ("ratio", "2", 2.0),
        ("deep", "true", True),
        ("deep", "False", False),
        ("deep", "1", True),
        ("mode", "good", "good"),
        ("level", "2", 2),
        ("patterns", '["*.md", "a b"]', ["*.md", "a b"]),
        ("patterns", "null", None),
        ("names", '["a"]', ["a"]),
        ("weights", '{"a": 1}', {"a": 1.0}),
        ("place", "other", Path("other")),
        ("key", "file:/k", Secret("file:/k")),
        ("depth", "deep", Depth.DEEP),
        ("window", '{"size": 9}', Window(9)),
        ("untyped", "8", 8),
        ("anything", "8", "8"),
    ],
)
def test_texts_of_a_command_line_become_what_is_asked_for(name, text, value):
    found = converted(name, text, texts=True)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 5),
        ("ratio", 0.25),
        ("deep", True),
        ("patterns", ["a"]),
        ("place", Path("a")),
        ("key", Secret("env:A")),
        ("depth", Depth.DEEP),
        ("window", Window(2)),
        ("anything", object),
    ],
)
def test_values_of_the_right_type_stay_what_they_are(name, value):
    assert converted(name, value) == value


@pytest.mark.parametrize(
    ("name", "value", "texts", "type_name"),
    [
        ("size", "five", True, "int"),
        ("size", "5", False, "int"),
        ("size", 5.5, False, "int"),
        ("size", True, False, "int"),
        ("deep", "yes", True, "bool"),
        ("mode", "slow", True, "Literal['fast', 'good']"),
        ("level", "3", True, "Literal[1, 2]"),
        ("patterns", "*.md", True, "list[str] | None"),
        ("patterns", '{"a": 1}', True, "list[str] | None"),
        ("patterns", [1], False, "list[str] | None"),
        ("place", 5, False, "Path"),
        ("key", 5, False, "Secret"),
        ("depth", "flat", True, "Depth"),
        ("window", {"overlap": 1}, False, "Window"),
        ("folder", None, False, "str"),
    ],
)
def test_a_value_of_another_type_names_parameter_type_and_value(name, value, texts, type_name):
    with pytest.raises(ParameterError) as raised:
        converted(name, value, texts=texts)
    said = f"the pipeline handbook: {value!r} is no {type_name} for the parameter {name!r}"
    assert str(raised.value) == said
    assert raised.value.hint


def test_a_list_that_is_no_json_is_told_how_to_write_one():
    with pytest.raises(ParameterError) as raised:
        converted("patterns", "*.md", texts=True)
    assert raised.value.hint == 'write it as JSON, for example ["a", "b"]'


def test_an_unknown_name_comes_with_the_nearest_or_all_names():
    with pytest.raises(ParameterError, match="no parameter 'foldre'") as raised:
        PARAMETERS.convert({"foldre": "docs"})
    assert raised.value.hint == "did you mean 'folder'?"
    with pytest.raises(ParameterError) as raised:
        PARAMETERS.convert({"xyzzy": 1})
    assert raised.value.hint.startswith("its parameters: folder, size")


def test_a_required_parameter_is_asked_for():
    with pytest.raises(ParameterError, match="needs the parameter 'folder'") as raised:
        PARAMETERS.convert({})
    assert raised.value.hint == "give it a value: -p folder=..."


def test_the_json_schema_describes_every_parameter():
    jsonschema = pytest.importorskip("jsonschema")
    schema = PARAMETERS.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["folder"]
    assert schema["properties"]["folder"] == {"type": "string"}
    assert schema["properties"]["key"] == {
        "type": "string",
        "format": "secret",
        "default": "env:KEY",
    }
    assert schema["properties"]["place"]["default"] == "docs"
    assert schema["properties"]["mode"]["enum"] == ["fast", "good"]
    jsonschema.validate({"folder": "a", "window": {"size": 1}, "patterns": ["a"]}, schema)
    for wrong in ({}, {"folder": 1}, {"folder": "a", "other": 1}, {"folder": "a", "window": {}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_a_type_of_the_users_own_is_described_as_anything():
    class Own: ...

    def task(own: Own): ...

    found = Parameters.of(task, owner="the task t")
    own = Own()
    assert found.schema()["properties"] == {"own": {"description": "Own"}}
    assert found.convert({"own": own}) == {"own": own}
    with pytest.raises(ParameterError, match="is no Own"):
        found.convert({"own": "other"})


@pytest.mark.parametrize("stars", ["*rest", "**rest"])
def test_what_has_no_name_of_its_own_is_refused(stars):
    space: dict[str, Any] = {}
    exec(f"def p(folder: str, {stars}): ...", space)
    with pytest.raises(PipelineError, match=r"the pipeline p takes \*rest"):
        Parameters.of(space["p"], owner="the pipeline p")


def test_parameters_are_shown_without_telling_a_secret():
    shown = plainly({"key": Secret("env:KEY"), "place": Path("a"), "window": Window(1)})
    assert shown == {"key": "env:KEY", "place": "a", "window": {"size": 1, "overlap": 0}}


@given(st.integers(-(2**60), 2**60))
def test_every_number_survives_the_command_line(number):
    assert converted("size", str(number), texts=True) == number


@given(st.lists(st.text()))
def test_every_list_of_texts_survives_the_command_line(names):
    text = msgspec.json.encode(names).decode()
    assert converted("patterns", text, texts=True) == names


def test_limits_of_a_parameter_are_checked():
    def p(
        size: Annotated[int, msgspec.Meta(ge=1)] = 3,
        names: Annotated[list[str], msgspec.Meta(max_length=1)] = [],  # noqa: B006 - never changed
    ): ...

    found = Parameters.of(p, owner="the pipeline p")
    assert found.convert({"size": "2", "names": '["a"]'}, texts=True) == {"size": 2, "names": ["a"]}
    with pytest.raises(ParameterError, match="0 is no int for the parameter 'size'") as raised:
        found.convert({"size": 0})
    assert raised.value.hint == "Expected `int` >= 1"
    with pytest.raises(ParameterError, match=r"is no list\[str\] for the parameter 'names'"):
        found.convert({"names": ["a", "b"]})
    assert found.schema()["properties"]["size"] == {"type": "integer", "minimum": 1, "default": 3}


def test_one_annotation_that_cannot_be_resolved_does_not_hide_the_others():
    def p(size: "int", other: "Unimported" = None): ...  # noqa: F821

    found = Parameters.of(p, owner="the pipeline p")
    assert found.by_name["size"].kind is int
    assert found.convert({"size": 1, "other": object})["other"] is object
