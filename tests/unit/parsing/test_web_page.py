import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.errors import SkipDocument
from tests.unit.parsing.samples import kinds, outcome, read, texts


def page(body: str) -> str:
    return f"<!doctype html><html lang=en><head><title>T</title></head><body>{body}</body></html>"


def test_visible_text_comes_in_reading_order():
    content = read(
        page("<h1>One</h1><p>two <b>bo</b>ld<br>three</p>four<div>five<p>six</div>"), "text/html"
    )
    assert texts(content) == ["One", "two bold\nthree", "four", "five", "six"]
    assert kinds(content)[0] == ("title", 1)
    assert (content.title, content.language) == ("T", "en")
    assert content.text == "One\n\ntwo bold\nthree\n\nfour\n\nfive\n\nsix"


def test_what_no_reader_sees_is_left_out():
    body = (
        "<script>a</script><style>b</style><template>c</template><noscript>d</noscript>"
        "<p hidden>e</p><p style='color:red; DISPLAY : none'>f</p><svg><text>g</text></svg>"
        "<textarea>h</textarea><select><option>i</select><!-- j --><p>seen"
    )
    assert texts(read(page(body), "text/html")) == ["seen"]


def test_navigation_is_left_out_unless_there_is_nothing_else():
    links = "<nav><a href=/>Home</a></nav><div role=navigation>More</div>"
    assert texts(read(page(links + "<p>text"), "text/html")) == ["text"]
    assert texts(read(page(links), "text/html")) == ["Home", "More"]


def test_header_and_footer_of_the_page_are_marked_but_not_those_of_an_article():
    body = (
        "<header><h1>Name</h1><p>slogan</header><article><header><p>by me</header><p>text"
        "</article><footer><ul><li>imprint</ul></footer>"
    )
    content = read(page(body), "text/html")
    assert list(zip(texts(content), kinds(content), strict=True)) == [
        ("Name", ("title", 1)),
        ("slogan", ("header_footer", 0)),
        ("by me", ("paragraph", 0)),
        ("text", ("paragraph", 0)),
        ("- imprint", ("header_footer", 0)),
    ]


def test_list_items_have_their_marks_and_depth():
    body = "<ul><li>a<ol start=3><li>b<li value=7><p>c</p><p>d</p></ol><li>e</ul><dl><dt>f<dd>g"
    content = read(page(body), "text/html")
    assert list(zip(texts(content), kinds(content), strict=True)) == [
        ("- a", ("list_item", 1)),
        ("3. b", ("list_item", 2)),
        ("7. c", ("list_item", 2)),
        ("d", ("paragraph", 0)),
        ("- e", ("list_item", 1)),
        ("f", ("list_item", 1)),
        ("g", ("list_item", 1)),
    ]
    assert content.text.startswith("- a\n  3. b\n  7. c\n\nd\n- e\nf\ng")


def test_a_table_is_markdown_with_cells():
    body = (
        "<table><caption>Cap</caption><tr><th rowspan=2>A<th colspan=2>B|C<tr><td>1<td>2"
        "<tr><td>x<br>y<td><ul><li>p<li>q</ul><td></table>"
    )
    caption, table = read(page(body), "text/html").elements
    assert (caption.kind, table.kind) == ("caption", "table")
    assert table.cells == (("A", "B|C", ""), ("", "1", "2"), ("x y", "- p - q", ""))
    assert texts(read(page(body), "text/html"))[1] == (
        "| A | B\\|C |  |\n| --- | --- | --- |\n|  | 1 | 2 |\n| x y | - p - q |  |"
    )


@pytest.mark.parametrize(
    "body",
    [
        "<table><tr><td>left<td><h2>right</h2></table>",
        "<table><tr><td>left<td>right</table>",
        "<table><tr><td>left<tr><td>right</table>",
        "<table role=presentation><tr><th>left<th>right</table>",
        "<table><tr><td>left<table><tr><td>right</table></table>",
    ],
)
def test_a_table_that_only_arranges_things_is_no_table(body):
    assert texts(read(page(body), "text/html")) == ["left", "right"]


def test_a_data_table_in_an_arranging_table_stays_one():
    body = "<table><tr><td>x<table><tr><th>a<th>b<tr><td>1<td>2</table><td>y</table>"
    assert [kind for kind, _ in kinds(read(page(body), "text/html"))] == [
        *("paragraph", "table", "paragraph")
    ]


def test_preformatted_text_keeps_its_lines_and_margins():
    content = read(page("<p>a<pre>\n  def f():\n\n      pass\n</pre>b"), "text/html")
    assert texts(content) == ["a", "  def f():\n\n      pass", "b"]
    assert kinds(content)[1] == ("code", 0)


def test_a_part_in_another_language_says_so():
    content = read(page("<p>hello<div lang=fr><p>bonjour<p lang=de>hallo</div>"), "text/html")
    assert [element.language for element in content.elements] == [None, "fr", "de"]


def test_marks_that_only_help_to_divide_words_go():
    assert texts(read(page("Donau&shy;dampf&#8203;schiff&nbsp;fährt"), "text/html")) == [
        "Donaudampfschiff fährt"
    ]


@pytest.mark.parametrize(
    "html",
    [
        b'<meta charset="iso-8859-1"><p>caf\xe9 \x96 x',
        b'<meta http-equiv=Content-Type content="text/html; charset=ISO-8859-1"><p>caf\xe9 \x96 x',
        b"<!-- <meta charset=koi8-r> --><meta charset=latin1><p>caf\xe9 \x96 x",
        b'<?xml version="1.0" encoding="latin1"?><p>caf\xe9 \x96 x</p>',
        '<meta charset="iso-8859-1"><p>café – x'.encode(),
        '<meta charset="iso-8859-1"><p>café – x'.encode("utf-16"),
    ],
)
def test_the_encoding_is_the_true_one(html):
    assert texts(read(html, "text/html")) == ["café – x"]


def test_a_page_that_shows_nothing_has_no_text():
    for html in ("<!-- c -->", "<!doctype html>", " ", "<p>", "<img src=x>"):
        with pytest.raises(SkipDocument) as skipped:
            read(html, "text/html")
        assert skipped.value.code == "no_text"


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000 + "deep",
        "<b>" * 100_000 + "deep",
        "<table><tr><td>x<td>y" * 3000 + "deep",
        "<ul><li>x" * 10_000 + "<li>deep",
        "<table><tr>" + "<td rowspan=60000 colspan=1000>x" * 300 + "<tr><td>deep" * 2000,
    ],
)
def test_no_nesting_is_too_deep_and_no_span_too_wide(html):
    content = read(html, "text/html")
    assert "deep" in content.text
    assert len(content.text) < 5 * len(html)


TAGS = st.sampled_from(
    [
        *("p", "div", "b", "ul", "ol", "li", "table", "tr", "td", "th", "h2", "pre", "br", "nav"),
        *("script", "title", "header", "main", "dl", "dd", "caption", "svg", "body", "html"),
    ]
)
PIECES = st.one_of(
    TAGS.map("<{}>".format),
    TAGS.map("</{}>".format),
    TAGS.map("<{} hidden>".format),
    st.sampled_from(
        ["word", " ", "\n", "&amp;", "&#0;", "&#xd800;", "<", "<!--", "-->", "|", "\0"]
    ),
    st.text(max_size=5),
)


@given(st.lists(PIECES, max_size=50).map("".join))
def test_any_soup_of_tags_becomes_whole_content(html):
    assert outcome(html.encode("utf-8", "ignore"), "text/html") in ("content", "no_text", "empty")


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read_as_a_page(data):
    html = b"<meta charset=shift_jis>" + data
    assert outcome(html, "text/html") in ("content", "no_text")


def test_what_broke_another_parser_is_read(shared):
    cases = sorted((shared / "corpora/adversarial/bs4-fuzz").glob("*.testcase"))
    assert len(cases) > 10
    for case in cases:
        assert outcome(case.read_bytes(), "text/html") in ("content", "no_text")
