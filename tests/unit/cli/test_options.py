import pytest

from ragflow.cli.options import parameters_of
from ragflow.errors import ParameterError


def test_a_setting_is_cut_at_its_first_equals():
    assert parameters_of(["folder=docs", "where=a=b", "empty="]) == {
        "folder": "docs",
        "where": "a=b",
        "empty": "",
    }
    assert parameters_of(None) == {}


@pytest.mark.parametrize("setting", ["folder", "=docs", ""])
def test_a_setting_without_name_or_value_is_refused(setting):
    with pytest.raises(ParameterError, match="gives no parameter a value") as caught:
        parameters_of([setting])
    assert caught.value.hint == "write -p name=value"


def test_a_parameter_given_twice_is_refused():
    with pytest.raises(ParameterError, match="'folder' is given twice"):
        parameters_of(["folder=a", "folder=b"])
