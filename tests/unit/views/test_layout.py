import networkx

from ragflow.views.layout import lay_out


def test_each_node_stands_a_layer_after_the_last_it_depends_on():
    layout = lay_out(networkx.DiGraph([("a", "b"), ("b", "c"), ("a", "c")]))
    assert {name: layer for name, (layer, _) in layout.places.items()} == {"a": 0, "b": 1, "c": 2}


def test_a_long_edge_passes_between_nodes_and_not_below_one():
    layout = lay_out(networkx.DiGraph([("a", "b"), ("b", "c"), ("a", "c")]))
    start, between, end = layout.ways["a", "c"]
    assert (start, end) == (layout.places["a"], layout.places["c"])
    assert between[0] == 1
    assert between != layout.places["b"]


def test_layers_are_ordered_so_that_edges_do_not_cross():
    layout = lay_out(networkx.DiGraph([("a", "y"), ("b", "x"), ("a", "p"), ("b", "q")]))
    heights = {name: height for name, (_, height) in layout.places.items()}
    upper, lower = sorted(("a", "b"), key=heights.__getitem__)
    fed = {"a": ("y", "p"), "b": ("x", "q")}
    assert max(heights[n] for n in fed[upper]) < min(heights[n] for n in fed[lower])


def test_small_layers_stand_in_the_middle():
    layout = lay_out(networkx.DiGraph([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]))
    assert layout.places["a"] == (0, 0.5)
    assert layout.height == 2


def test_an_empty_graph_has_no_layers():
    layout = lay_out(networkx.DiGraph())
    assert (layout.layers, layout.height) == (0, 0)
