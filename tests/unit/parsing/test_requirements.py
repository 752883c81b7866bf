import pytest

from ragflow.parsing.requirements import satisfied
from tests.unit.parsing.samples import needs_tesseract


def test_a_program_is_there_or_not():
    assert satisfied("program:sh")
    assert not satisfied("program:no-such-program")


@needs_tesseract
def test_a_language_is_there_or_not():
    assert satisfied("program:tesseract")
    assert satisfied("tesseract:eng")
    assert not satisfied("tesseract:xyz")


def test_no_language_is_there_without_the_program(monkeypatch):
    monkeypatch.setattr("ragflow.parsing.tesseract.shutil.which", lambda name: None)
    assert not satisfied("tesseract:eng")


def test_a_library_is_there_or_not(tmp_path, monkeypatch):
    assert satisfied("library:json")
    assert not satisfied("library:brought_later")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not satisfied("library:brought_later")
    (tmp_path / "brought_later.py").write_text("raise AssertionError('imported')")
    assert satisfied("library:brought_later")


@pytest.mark.parametrize(
    "requirement", ["", "library:", "library:a.b", "tesseract", "tesseract:", "disk:large"]
)
def test_a_requirement_of_no_known_kind_is_met_by_nothing(requirement):
    assert not satisfied(requirement)
