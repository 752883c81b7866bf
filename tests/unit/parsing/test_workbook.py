import datetime

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment

from ragflow.parsing import workbook as module
from tests.unit.parsing.packed import OPEN_XML, WORKBOOK, packed, parts_of, saved, swapped, workbook
from tests.unit.parsing.samples import kinds, outcome, read, texts


def sheet_of(**cells: str) -> bytes:
    book = openpyxl.Workbook()
    for place, value in cells.items():
        book.active[place] = value
    return saved(book)


def test_a_sheet_is_a_heading_and_its_cells_a_table():
    content = read(workbook(["Name", "Age"], ["Ann", 41], ["B|b", 2.5]), WORKBOOK)
    assert kinds(content) == [("title", 1), ("table", 0)]
    assert content.elements[1].cells == (("Name", "Age"), ("Ann", "41"), ("B|b", "2.5"))
    assert texts(content)[1].split("\n")[:2] == ["| Name | Age |", "| --- | --- |"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3.0, "3"),
        (0.1, "0.1"),
        (True, "TRUE"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime.fromisoformat("2026-01-02T03:04"), "2026-01-02 03:04:00"),
        (datetime.time(3, 4), "03:04:00"),
        ("  words ", "words"),
    ],
)
def test_values_are_shown_as_people_write_them(value, shown):
    assert texts(read(workbook([value]), WORKBOOK))[1] == shown


def test_formulas_are_left_out_and_what_they_came_to_is_not():
    written = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1"><f>1+2</f></c></row></sheetData>'
        "</worksheet>"
    )
    data = swapped(workbook([1]), xl__worksheets__sheet1=written)
    assert texts(read(data, WORKBOOK))[1:] == ["2"]


def test_empty_rows_and_two_empty_columns_part_tables_and_one_column_does_not():
    near = {"A1": "title", "A3": "a", "B3": "b", "A4": "1", "B4": "2", "D3": "c", "D4": "3"}
    data = sheet_of(**near, G3="far", H3="x", G4="away", H4="y")
    content = read(data, WORKBOOK)
    assert [element.cells for element in content.elements] == [
        *[(), ()],
        (("a", "b", "c"), ("1", "2", "3")),
        (("far", "x"), ("away", "y")),
    ]


def test_a_row_or_column_alone_is_a_paragraph():
    content = read(sheet_of(A1="one", B1="two", A3="three", A4="four"), WORKBOOK)
    assert texts(content)[1:] == ["one two", "three\nfour"]


def test_cells_scattered_far_apart_make_no_grid_of_what_is_between_them():
    rows = "".join(
        f'<row r="{n}"><c r="{openpyxl.utils.get_column_letter(n)}{n}"><v>{n}</v></c></row>'
        for n in range(1, 1500)
    )
    written = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{rows}</sheetData></worksheet>"
    )
    content = read(swapped(workbook([1]), xl__worksheets__sheet1=written), WORKBOOK)
    assert len(content.text) < 10_000
    assert "1499" in content.text


def test_a_sheet_that_claims_a_million_rows_has_those_it_has():
    sheet = parts_of(workbook([1, 2], [3, 4]))["xl/worksheets/sheet1.xml"].decode()
    claimed = sheet.replace('ref="A1:B2"', 'ref="A1:XFD1048576"')
    assert claimed != sheet
    content = read(swapped(workbook([1]), xl__worksheets__sheet1=claimed), WORKBOOK)
    assert content.elements[1].cells == (("1", "2"), ("3", "4"))


def test_cells_beyond_the_limit_are_left_out_with_a_note(monkeypatch):
    monkeypatch.setattr(module, "_MOST_CELLS", 6)
    content = read(workbook(*[[n, n] for n in range(100, 200)]), WORKBOOK)
    assert content.notes == ("Only about the first 6 cells were read.",)
    assert "102" in content.text
    assert "104" not in content.text


def test_hidden_sheets_are_left_out_with_a_note():
    book = openpyxl.Workbook()
    book.active["A1"] = "seen"
    hidden = book.create_sheet("Salaries")
    hidden["A1"] = "unseen"
    hidden.sheet_state = "hidden"
    content = read(saved(book), WORKBOOK)
    assert "unseen" not in content.text
    assert content.notes == ("Hidden sheets were not read: Salaries.",)


def test_comments_and_titles_of_charts_come_last():
    book = openpyxl.Workbook()
    for row in (["a", 1], ["b", 2]):
        book.active.append(row)
    book.active["A1"].comment = Comment("why?", "Ann")
    chart = BarChart()
    chart.title = "Birds"
    chart.add_data(Reference(book.active, min_col=2, min_row=1, max_row=2))
    book.active.add_chart(chart)
    content = read(saved(book), WORKBOOK)
    assert texts(content)[2:] == ["Bar chart: Birds", "Comment (Ann): why?"]


def test_a_workbook_without_values_says_so():
    assert outcome(saved(openpyxl.Workbook()), WORKBOOK) == "no_text"


def test_one_long_text_in_many_cells_is_read_as_far_as_the_limit():
    names = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    cells = '<c t="s"><v>0</v></c>' * 1_000
    for rows in (f"<row>{cells}</row>", '<row><c t="s"><v>0</v></c></row>' * 1_000):
        data = swapped(
            workbook(["words"]),
            xl__worksheets__sheet1=f"<worksheet {names}><sheetData>{rows}</sheetData></worksheet>",
            xl__sharedStrings=f"<sst {names}><si><t>{'ab ' * 20_000}</t></si></sst>",
        )
        parts = parts_of(data)
        shared = (
            '<Override PartName="/xl/sharedStrings.xml"'
            f' ContentType="{OPEN_XML}.spreadsheetml.sharedStrings+xml"/></Types>'
        )
        types = parts["[Content_Types].xml"].replace(b"</Types>", shared.encode())
        data = packed({**parts, "[Content_Types].xml": types})
        content = read(data, WORKBOOK)
        assert len(content.text) < module._MOST_CHARACTERS + 2 * 60_000
        assert content.notes == ("Only about the first 267 cells were read.",)


def test_a_row_is_looked_at_once_for_all_the_stretches_in_it():
    looks = []

    class Row(dict):
        def items(self):
            looks.append(1)
            return super().items()

    runs, length = 200, 2_000
    rows = [(n, Row({0: "a", 3 * (n % runs): "x"})) for n in range(length)]
    stretches = list(module._stretches(rows, depth=0))
    assert sum(len(row) for stretch in stretches for _, row in stretch) == sum(
        len(row) for _, row in rows
    )
    assert len(looks) == length


def test_other_workbooks_wait_only_while_cells_are_read(monkeypatch):
    held = []
    plain = module._block

    def block(rows):
        held.append(module._ONE_AT_A_TIME.locked())
        return plain(rows)

    monkeypatch.setattr(module, "_block", block)
    read(workbook([1, 2], [3, 4]), WORKBOOK)
    assert held == [False]
