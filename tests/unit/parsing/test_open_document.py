from tests.unit.parsing.packed import OPEN_TEXT, open_text, packed, parts_of
from tests.unit.parsing.samples import kinds, outcome, read, texts


def item(words: str) -> str:
    return f"<text:list-item><text:p>{words}</text:p></text:list-item>"


def cell(words: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{words}</text:p></table:table-cell>"


def test_headings_have_the_level_they_state_and_styles_say_the_rest():
    styles = '<style:style style:name="P1" style:parent-style-name="{}"/>'
    body = '<text:p text:style-name="P1">A</text:p><text:h text:outline-level="3">B</text:h>'
    for parent, kind in (("Title", ("title", 1)), ("Caption", ("caption", 0)), ("P1", None)):
        content = read(open_text(body, styles=styles.format(parent)), OPEN_TEXT)
        assert kinds(content) == [kind or ("paragraph", 0), ("title", 3)]


def test_blanks_tabs_and_breaks_are_those_that_are_meant():
    data = open_text(
        "<text:p>a\n b<text:s text:c='3'/>c<text:tab/>d<text:line-break/>"
        "<text:span>e</text:span><text:s text:c='999999999'/>f</text:p>"
    )
    assert read(data, OPEN_TEXT).text == "a  b   c\td\ne" + " " * 1 + "f"


def test_lists_have_depth_and_numbers_where_their_style_says_so():
    styles = (
        '<text:list-style style:name="L"><text:list-level-style-number text:level="1"/>'
        '<text:list-level-style-bullet text:level="2"/></text:list-style>'
    )
    inner = f"<text:list>{item('deeper')}</text:list>"
    nested = f"<text:list-item><text:p>two</text:p><text:p>more</text:p>{inner}</text:list-item>"
    body = f'<text:list text:style-name="L">{item("one")}{nested}{item("three")}</text:list>'
    content = read(open_text(body, styles=styles), OPEN_TEXT)
    assert texts(content) == ["1. one", "2. two", "more", "- deeper", "3. three"]
    assert kinds(content)[3] == ("list_item", 2)


def test_merged_and_repeated_cells_are_where_they_are():
    body = (
        "<table:table><table:table-header-rows><table:table-row>"
        + cell("wide", 'table:number-columns-spanned="2"')
        + "<table:covered-table-cell/>"
        + cell("c")
        + "</table:table-row></table:table-header-rows><table:table-row>"
        + cell("x", 'table:number-columns-repeated="2"')
        + cell("y")
        + "</table:table-row></table:table>"
    )
    (element,) = read(open_text(body), OPEN_TEXT).elements
    assert element.cells == (("wide", "", "c"), ("x", "x", "y"))


def test_rows_and_cells_that_claim_to_come_a_million_times_do_not():
    many = 'table:number-columns-repeated="1000000"'
    row = (
        f'<table:table-row table:number-rows-repeated="1000000">{cell("", many)}</table:table-row>'
    )
    one = f"<table:table-row>{cell('a')}{cell('b')}</table:table-row>"
    body = f"<table:table>{one}{one}{row}</table:table>"
    assert read(open_text(body), OPEN_TEXT).elements[0].cells == (("a", "b"), ("a", "b"))


def test_notes_follow_the_body_and_boxes_their_paragraph():
    note = "<text:note><text:note-body><text:p>the note</text:p></text:note-body></text:note>"
    box = "<draw:frame><draw:text-box><text:p>in the box</text:p></draw:text-box></draw:frame>"
    picture = "<draw:frame><svg:title>Ann</svg:title><svg:desc>Ann</svg:desc></draw:frame>"
    data = open_text(f"<text:p>a{note}{box}{picture}b</text:p><text:p>c</text:p>")
    content = read(data, OPEN_TEXT)
    assert texts(content) == ["ab", "Ann", "in the box", "c", "the note"]
    assert kinds(content)[1] == ("caption", 0)


def test_what_was_deleted_or_remarked_is_left_out():
    data = open_text(
        "<text:tracked-changes><text:p>old</text:p></text:tracked-changes>"
        "<text:p>new<office:annotation><text:p>why?</text:p></office:annotation></text:p>"
    )
    assert texts(read(data, OPEN_TEXT)) == ["new"]


def test_headers_footers_and_contents_are_marked():
    pages = (
        "<style:master-page><style:header><text:p>Secret</text:p></style:header>"
        "<style:footer><text:p>Page</text:p></style:footer></style:master-page>"
    )
    body = (
        "<text:table-of-content><text:index-body><text:p>One 3</text:p></text:index-body>"
        "</text:table-of-content><text:p>words</text:p>"
    )
    content = read(open_text(body, pages=pages), OPEN_TEXT)
    assert texts(content) == ["Secret", "One 3", "words", "Page"]
    assert [kind for kind, _ in kinds(content)] == [
        *["header_footer"] * 2,
        "paragraph",
        "header_footer",
    ]


def test_an_encrypted_document_says_so():
    manifest = (
        '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        "<m:file-entry><m:encryption-data/></m:file-entry></m:manifest>"
    )
    parts = {**parts_of(open_text("")), "META-INF/manifest.xml": manifest}
    assert outcome(packed(parts), OPEN_TEXT) == "encrypted"
    assert outcome(open_text(""), OPEN_TEXT) == "no_text"


def test_words_that_claim_to_come_again_and_again_are_repeated_within_a_limit():
    often = 'table:number-rows-repeated="200"'
    many = 'table:number-columns-repeated="200"'
    row = f"<table:table-row {often}>{cell('x' * 1_500, many)}</table:table-row>"
    small = f"<table:table-row {often}>{cell('y', many)}</table:table-row>"
    body = f"<table:table>{row}{small * 50}</table:table>"
    content = read(open_text(body), OPEN_TEXT)
    assert len(content.text) < 5_000_000
    assert content.notes == ("Cells that are said to come again and again were not all repeated.",)
    inner = f"<table:table>{small}</table:table>"
    for _ in range(4):
        inner = (
            f"<table:table><table:table-row {often}><table:table-cell {many}>{inner}"
            "</table:table-cell></table:table-row></table:table>"
        )
    assert len(read(open_text(inner), OPEN_TEXT).text) < 5_000_000
