import json

import pytest
from jsonschema import Draft202012Validator

from ragflow.cli.schema import FOLDER, Name
from ragflow.core.states import OwnerState, RunState
from ragflow.runtime.summary import DOCUMENTS

SCHEMAS = {name.value: json.loads((FOLDER / f"{name}.json").read_text("utf-8")) for name in Name}


def objects(schema):
    """Yield every object schema inside a schema that lists its properties."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)


def test_every_file_has_a_name_and_every_name_a_file():
    assert {file.stem for file in FOLDER.iterdir()} == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_a_schema_and_says_what_it_is_of(name):
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == name
    assert "--json" in schema["description"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_objects_are_closed_and_every_property_is_explained(name):
    for each in objects(SCHEMAS[name]):
        assert each["additionalProperties"] is False
        assert set(each["required"]) <= set(each["properties"])
        assert [
            key for key, value in each["properties"].items() if "description" not in value
        ] == []


def test_states_are_those_of_the_program():
    assert SCHEMAS["run"]["properties"]["state"]["enum"] == [state.value for state in RunState]
    item = SCHEMAS["documents"]["properties"]["documents"]["items"]
    assert item["properties"]["state"]["enum"] == [state.value for state in OwnerState]


def test_documents_are_counted_under_the_names_of_the_program():
    for name in ("run", "plan"):
        counted = SCHEMAS[name]["properties"]["documents"]["properties"]
        assert set(counted) == {*DOCUMENTS, "deleted"}


def test_a_run_in_the_history_is_the_run_it_was():
    run, listed = SCHEMAS["run"], SCHEMAS["runs"]["$defs"]["run"]
    assert {k: v for k, v in listed.items() if k != "description"} == {
        k: v for k, v in run.items() if k not in ("$schema", "title", "description")
    }
