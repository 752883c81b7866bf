import json

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


def test_values_nested_without_end_end_with_a_reason():
    assert outcome(b"[" * 100_000 + b"\n{}", LINES) in ("exhausted", "content")
    deep = '{"a":' * 300 + "1" + "}" * 300
    assert outcome(f'{deep}\n{{"b": 2}}'.encode(), LINES) == "content"


def test_a_number_too_long_to_be_one_stays_as_it_is_written():
    assert texts(read('{"a": ' + "9" * 5_000 + "}", LINES)) == ["a: " + "9" * 5_000]


def test_records_without_values_are_empty():
    assert outcome(b"{}\n{}\n", LINES) == "empty"
