import pytest

from ragflow.cli.options import most_failed, parameters_of
from ragflow.errors import ParameterError, UsageError


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


def test_as_many_documents_may_fail_as_a_number_or_a_percentage_says():
    assert [most_failed(text) for text in (None, "0", "10", "2%")] == [None, 0, 10, "2%"]


@pytest.mark.parametrize("text", ["", "-1", "few", "101%", "9" * 20, "9" * 5_000])
def test_what_is_neither_a_number_nor_a_percentage_is_refused(text):
    with pytest.raises(UsageError, match="is neither a number nor a percentage"):
        most_failed(text)
