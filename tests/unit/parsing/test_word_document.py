import docx
import pytest

from ragflow.parsing.comments import comment_blocks, people_of
from ragflow.parsing.packages import root_of
from ragflow.parsing.spanned_tables import SpannedTable
from tests.unit.parsing.packed import WORD, packed, paragraph, parts_of, saved, swapped, word
from tests.unit.parsing.samples import kinds, outcome, read, texts

LIST = '<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>'
NUMBERING = """<w:numbering xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">
<w:abstractNum w:abstractNumId="0">
 <w:lvl w:ilvl="0"><w:start w:val="3"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
 <w:lvl w:ilvl="1"><w:numFmt w:val="lowerRoman"/><w:lvlText w:val="%1.%2)"/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="1">
 <w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="o"/></w:lvl>
</w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="0"/>
 <w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num>
</w:numbering>"""


def listed(words: str, *, number: int, depth: int = 0) -> str:
    return paragraph(words, properties=LIST.format(number=number, depth=depth))


def cell(words: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(words) if words else '<w:p/>'}</w:tc>"


def table(*rows: str) -> str:
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"


def test_styles_say_what_is_a_heading_and_how_deep():
    document = docx.Document()
    document.add_heading("A report", 0)
    document.add_paragraph("What it is about.", style="Subtitle")
    document.add_heading("One", 1)
    document.add_paragraph("Words.")
    document.add_heading("Below", 3)
    document.add_paragraph("Figure 1", style="Caption")
    content = read(saved(document), WORD)
    assert texts(content)[:2] == ["A report", "What it is about."]
    assert kinds(content) == [
        *[("title", 1), ("title", 2), ("title", 1)],
        *[("paragraph", 0), ("title", 3), ("caption", 0)],
    ]


def test_a_style_is_what_the_style_it_is_based_on_is():
    document = docx.Document()
    style = document.styles.add_style("Chapter of mine", 1)
    style.base_style = document.styles["Heading 2"]
    document.add_paragraph("Title", style=style)
    assert kinds(read(saved(document), WORD)) == [("title", 2)]


def test_a_paragraph_with_a_level_in_the_outline_is_a_heading():
    data = word(paragraph("Title", properties='<w:outlineLvl w:val="1"/>'))
    assert kinds(read(data, WORD)) == [("title", 2)]


def test_styles_based_on_each_other_in_a_circle_are_no_trap():
    document = docx.Document()
    one, two = (document.styles.add_style(name, 1) for name in ("One", "Two"))
    one.base_style, two.base_style = two, one
    document.add_paragraph("words", style=one)
    assert kinds(read(saved(document), WORD)) == [("paragraph", 0)]


def test_numbers_that_word_writes_by_itself_are_in_the_text():
    body = [
        *(listed("a", number=1), listed("b", number=1)),
        *(listed("b1", number=1, depth=1), listed("b2", number=1, depth=1)),
        *(listed("dot", number=2), listed("c", number=1), listed("d", number=1, depth=1)),
        *(listed("anew", number=3), listed("next", number=3), listed("none", number=0)),
    ]
    content = read(swapped(word("".join(body)), word__numbering=NUMBERING), WORD)
    assert texts(content) == [
        *("3. a", "4. b", "4.i) b1", "4.ii) b2", "- dot", "5. c", "5.i) d", "1. anew"),
        *("2. next", "none"),
    ]
    assert kinds(content)[1:3] == [("list_item", 1), ("list_item", 2)]
    assert kinds(content)[-1] == ("paragraph", 0)
    assert "3. a\n4. b\n  4.i) b1" in content.text


def test_lists_by_style_are_lists():
    document = docx.Document()
    document.add_paragraph("one", style="List Bullet")
    document.add_paragraph("two", style="List Number")
    assert texts(read(saved(document), WORD)) == ["- one", "1. two"]


def test_a_heading_keeps_its_number():
    heading = paragraph("Scope", style="Heading1", properties=LIST.format(number=1, depth=0))
    content = read(swapped(word(heading), word__numbering=NUMBERING), WORD)
    assert (texts(content), kinds(content)) == (["3. Scope"], [("title", 1)])


def test_merged_cells_are_said_once_where_they_begin():
    wide, down, further = (
        '<w:gridSpan w:val="2"/>',
        '<w:vMerge w:val="restart"/>',
        "<w:vMerge/>",
    )
    data = word(
        table(
            cell("wide", wide) + cell("c"),
            cell("down", down) + cell("e") + cell("f"),
            cell("", further) + cell("g") + cell("h|i"),
        )
    )
    content = read(data, WORD)
    (element,) = content.elements
    assert element.cells == (("wide", "", "c"), ("down", "e", "f"), ("", "g", "h|i"))
    assert content.text.split("\n")[0] == "| wide |  | c |"
    assert content.text.split("\n")[-1] == "|  | g | h\\|i |"


def test_a_row_that_begins_late_has_empty_cells():
    late = '<w:trPr><w:gridBefore w:val="1"/></w:trPr>' + cell("b")
    (element,) = read(word(table(cell("a") + cell("x"), late)), WORD).elements
    assert element.cells == (("a", "x"), ("", "b"))


def test_a_table_that_only_arranges_is_no_table():
    content = read(word(table(cell("one"), cell("two"))), WORD)
    assert kinds(content) == [("paragraph", 0)] * 2


def test_rows_and_cells_in_content_controls_are_read():
    wrapped = "<w:sdt><w:sdtContent>{}</w:sdtContent></w:sdt>"
    row = f"<w:tr>{cell('a')}{wrapped.format(cell('b'))}</w:tr>"
    data = word(f"<w:tbl>{row}{wrapped.format(row)}</w:tbl>")
    assert read(data, WORD).elements[0].cells == (("a", "b"), ("a", "b"))


def test_what_was_deleted_or_hidden_is_left_out_and_what_was_inserted_is_not():
    run = "<w:r>{}<w:t>{}</w:t></w:r>"
    hidden = "<w:rPr><w:vanish/></w:rPr>"
    data = word(
        f"<w:p><w:ins>{run.format('', 'new ')}</w:ins><w:del><w:r><w:delText>old</w:delText></w:r>"
        f"</w:del>{run.format(hidden, 'secret')}<w:r><w:instrText>PAGE</w:instrText></w:r>"
        "<w:hyperlink><w:r><w:t>link</w:t><w:tab/><w:noBreakHyphen/><w:br/></w:r></w:hyperlink>"
        f"{run.format('', 'end')}</w:p>"
    )
    assert read(data, WORD).text == "new link\t-\nend"


def test_a_text_box_is_read_once_after_its_paragraph():
    inside = f"<w:txbxContent>{paragraph('in the box')}</w:txbxContent>"
    data = word(
        "<w:p><w:r><w:t>beside</w:t></w:r><w:r><mc:AlternateContent>"
        f'<mc:Choice Requires="wps"><w:drawing><wps:txbx>{inside}</wps:txbx></w:drawing>'
        f"</mc:Choice><mc:Fallback><w:pict><v:textbox>{inside}</v:textbox></w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r></w:p>"
    )
    assert texts(read(data, WORD)) == ["beside", "in the box"]


def test_boxes_to_tick_say_whether_they_are():
    box = (
        '<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val="{}"/></w14:checkbox></w:sdtPr>'
        "<w:sdtContent><w:r><w:t>☒</w:t></w:r></w:sdtContent></w:sdt>"
    )
    words = "<w:r><w:t> tea </w:t></w:r>"
    data = word(f"<w:p>{box.format(1)}{words}{box.format(0)}{words}</w:p>")
    assert read(data, WORD).text == "[x] tea [ ] tea"


def test_a_table_of_contents_is_no_body():
    data = word(
        '<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/>'
        f"</w:docPartObj></w:sdtPr><w:sdtContent>{paragraph('One 3')}</w:sdtContent></w:sdt>"
        + paragraph("words")
    )
    assert kinds(read(data, WORD)) == [("header_footer", 0), ("paragraph", 0)]


def test_headers_and_footers_are_marked_and_said_once():
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Secret"
    document.sections[0].footer.paragraphs[0].text = "Page"
    document.add_paragraph("words")
    document.add_section().header.is_linked_to_previous = False
    document.sections[1].header.paragraphs[0].text = "Secret"
    content = read(saved(document), WORD)
    assert texts(content) == ["Secret", "words", "Page"]
    assert [kind for kind, _ in kinds(content)] == ["header_footer", "paragraph", "header_footer"]


def test_comments_come_after_the_body_with_who_made_them():
    document = docx.Document()
    paragraph = document.add_paragraph("words")
    document.add_comment(paragraph.runs, text="Are they?", author="Ann", initials="A")
    content = read(saved(document), WORD)
    assert content.text.startswith("words\n\nComment (Ann, ")
    assert content.text.endswith("): Are they?")


def test_footnotes_come_after_the_body():
    note = f'<w:footnote w:id="{{}}"{{}}>{paragraph("{}")}</w:footnote>'
    notes = (
        '<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        + note.format(0, ' w:type="separator"', "line")
        + note.format(1, "", "the note")
        + "</w:footnotes>"
    )
    data = swapped(word(paragraph("words")), word__footnotes=notes)
    parts = parts_of(data)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    parts["word/_rels/document.xml.rels"] = parts["word/_rels/document.xml.rels"].replace(
        b"</Relationships>",
        f'<Relationship Id="rId99" Target="footnotes.xml" Type="{kind}"/></Relationships>'.encode(),
    )
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        b"</Types>",
        b'<Override PartName="/word/footnotes.xml" ContentType="application/vnd.openxmlformats-'
        b'officedocument.wordprocessingml.footnotes+xml"/></Types>',
    )
    assert texts(read(packed(parts), WORD)) == ["words", "the note"]


def test_lines_of_code_are_one_piece():
    document = docx.Document()
    style = document.styles.add_style("Source Code", 1)
    for line in ("def f():", "    return 1"):
        document.add_paragraph(line, style=style)
    document.add_paragraph("words")
    content = read(saved(document), WORD)
    assert texts(content) == ["def f():\n    return 1", "words"]
    assert kinds(content)[0] == ("code", 0)


@pytest.mark.parametrize(
    ("math", "expected"),
    [
        ("<m:sSup><m:e>{x}</m:e><m:sup>{2}</m:sup></m:sSup>", "x^{2}"),
        ("<m:f><m:num>{1}</m:num><m:den>{π}</m:den></m:f>", "\\frac{1}{\\pi}"),
        ("<m:rad><m:deg/><m:e>{x}</m:e></m:rad>", "\\sqrt{x}"),
        (
            "<m:nary><m:naryPr><m:chr m:val='∑'/></m:naryPr><m:sub>{i}</m:sub>SUP</m:nary>",
            "\\sum_{i}^{n} i",
        ),
        ("<m:d><m:e>{a}</m:e><m:e>{b}</m:e></m:d>", "\\left(a|b\\right)"),
        ("<m:func><m:fName>{log}</m:fName><m:e>{x}</m:e></m:func>", "\\log(x)"),
        (
            "<m:m><m:mr><m:e>{a}</m:e><m:e>{b}</m:e></m:mr><m:mr><m:e>{c}</m:e></m:mr></m:m>",
            "\\begin{matrix}a & b \\\\ c\\end{matrix}",
        ),
    ],
)
def test_formulas_read_as_latex(math, expected):
    math = math.replace("SUP", "<m:sup>{n}</m:sup><m:e>{i}</m:e>")
    for sign in ("x", "2", "1", "π", "i", "n", "a", "b", "c", "log"):
        math = math.replace(f"{{{sign}}}", f"<m:r><m:t>{sign}</m:t></m:r>")
    inline = f"<w:p><w:r><w:t>so </w:t></w:r><m:oMath>{math}</m:oMath></w:p>"
    alone = f"<w:p><m:oMathPara><m:oMath>{math}</m:oMath></m:oMathPara></w:p>"
    content = read(word(inline + alone), WORD)
    assert texts(content) == [f"so ${expected}$", expected]
    assert kinds(content)[1] == ("formula", 0)


def test_the_strict_dialect_and_documents_with_macros_are_read():
    parts = parts_of(word(paragraph("words")))
    usual = b"http://schemas.openxmlformats.org/"
    strict = b"http://purl.oclc.org/ooxml/"
    renamed = {
        name: data.replace(
            usual + b"wordprocessingml/2006/main", strict + b"wordprocessingml/main"
        ).replace(usual + b"officeDocument/2006/", strict + b"officeDocument/")
        for name, data in parts.items()
    }
    assert renamed != parts
    assert texts(read(packed(renamed), WORD)) == ["words"]
    main = b"vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    macros = b"vnd.ms-word.document.macroEnabled.main+xml"
    listed = parts["[Content_Types].xml"].replace(main, macros)
    assert texts(read(packed({**parts, "[Content_Types].xml": listed}), WORD)) == ["words"]


def test_title_and_language_are_those_it_states():
    document = docx.Document()
    document.core_properties.title = "  A   report "
    document.core_properties.language = "de-AT"
    document.add_paragraph("words")
    content = read(saved(document), WORD)
    assert (content.title, content.language) == ("A report", "de-AT")


def test_a_document_without_words_says_so():
    assert outcome(word("<w:p/>"), WORD) == "no_text"


@pytest.mark.parametrize("depth", [20, 80, 2_000])
def test_tables_in_tables_without_end_end_by_themselves(depth):
    body = paragraph("deep")
    for _ in range(depth):
        body = f"<w:tbl><w:tr><w:tc>{body}<w:p/></w:tc></w:tr></w:tbl>"
    expected = ("content", "exhausted") if depth < 2_000 else ("damaged",)
    assert outcome(word(body), WORD) in expected


def test_places_without_a_cell_take_no_room(monkeypatch):
    begun = []
    plain = SpannedTable.begin_cell
    monkeypatch.setattr(
        SpannedTable, "begin_cell", lambda *a, **k: begun.append(1) or plain(*a, **k)
    )
    late = '<w:trPr><w:gridBefore w:val="1000"/></w:trPr>' + cell("b")
    read(word(table(*[late] * 300)), WORD)
    assert len(begun) == 600


def test_rows_that_begin_late_begin_where_they_do():
    late = '<w:trPr><w:gridBefore w:val="2"/></w:trPr>' + cell("x")
    content = read(word(table(cell("a") + cell("b") + cell("c"), late)), WORD)
    assert content.elements[0].cells == (("a", "b", "c"), ("", "", "x"))


def test_what_parts_a_formula_is_one_character():
    fenced = f'<m:d><m:dPr><m:sepChr m:val="{"s" * 20_000}"/></m:dPr>{"<m:e/>" * 3_000}</m:d>'
    content = read(word(f"<w:p><m:oMath>{fenced}</m:oMath></w:p>"), WORD)
    assert len(content.text) < 4_000


def test_the_name_of_who_remarks_is_not_written_without_end():
    remark = '<cm authorId="0"><t>x</t></cm>' * 2_000
    root = root_of(f'<r><person id="0" name="{"n" * 20_000}"/>{remark}</r>'.encode())
    blocks = list(comment_blocks(root, people_of([root])))
    assert sum(len(block.text) for block in blocks) < 2_000 * 250
