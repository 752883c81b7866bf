import json

import pytest

from ragflow.parsing import json_lines
from tests.unit.parsing.samples import kinds, outcome, read, texts

LINES = "application/x-ndjson"


def test_a_record_is_a_paragraph_with_its_values_by_name():
    record = {
        "title": "Größe\nund Maß",
        "n": 1.50,
        "tags": ["a", "b"],
        "by": {"name": "Ann", "none": None},
        "parts": [{"id": 1}, {"id": True}],
    }
    content = read(json.dumps(record) + '\n\n{"big": 123456789012345678901234567890e2}\n', LINES)
    assert texts(content) == [
        "title: Größe\nund Maß\nn: 1.5\ntags: a, b\nby.name: Ann\nparts.id: 1\nparts.id: true",
        "big: 123456789012345678901234567890e2",
    ]
    assert kinds(content) == [("paragraph", 0)] * 2


def test_a_line_that_is_no_json_stays_and_is_counted():
    content = read('{"a": 1}\n{"a": \n{"a": 2}\n', LINES)
    assert texts(content) == ["a: 1", '{"a":', "a: 2"]
    assert content.notes == ("Lines that are no JSON: 1.",)


def test_values_nested_without_end_stay_as_they_are():
    content = read(b'{"a": 1}\n' + b"[" * 100_000 + b'\n{"b": 2}', LINES)
    assert texts(content) == ["a: 1", "[" * 100_000, "b: 2"]
    assert content.notes == ("Lines that are no JSON: 1.",)


def test_values_that_are_left_out_for_their_depth_are_counted():
    deep = '{"a":' * 300 + "1" + "}" * 300
    content = read(f'{deep}\n{{"b": 2}}', LINES)
    assert texts(content) == ["b: 2"]
    assert content.notes == ("Values nested more than 40 deep were left out: 1.",)


def test_a_name_that_comes_twice_has_both_values():
    assert texts(read('{"a": "x", "b": {}, "a": "y"}\n', LINES)) == ["a: x\na: y"]


def test_one_value_written_over_many_lines_is_read_as_text():
    written = json.dumps({"a": 1, "b": ["x", {"c": "y"}]}, indent=2)
    assert read(written, LINES).text == written


def test_a_long_name_is_not_written_whole_with_each_value():
    record = {"k" * 10_000: {str(number): 1 for number in range(5_000)}}
    content = read(json.dumps(record) + "\n", LINES)
    assert len(content.text) < 5_000 * (json_lines._LONGEST_NAME + 10)
    assert content.text.endswith(".4999: 1")
    assert content.notes == ("Names longer than 300 characters were cut: 5001.",)


@pytest.mark.parametrize(
    ("limit", "most"),
    [("_MOST_BYTES", 10), ("_MOST_LINES", 1), ("_LONGEST_LINE", 7), ("MOST_TEXT", 6)],
)
def test_records_beyond_a_limit_are_too_large(limit, most, monkeypatch):
    data = b'{"a": 1}\n{"a": 2}\n'
    assert outcome(data, LINES) == "content"
    monkeypatch.setattr(json_lines, limit, most)
    assert outcome(data, LINES) == "too_large"


def test_a_number_too_long_to_be_one_stays_as_it_is_written():
    assert texts(read('{"a": ' + "9" * 5_000 + "}", LINES)) == ["a: " + "9" * 5_000]


def test_records_without_values_are_empty():
    assert outcome(b"{}\n{}\n", LINES) == "empty"
