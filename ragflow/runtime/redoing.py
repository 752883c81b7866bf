"""How many unchanged documents would be made again for what nobody asked for, and what is that?"""

from collections.abc import Mapping

from ragflow.core.node import Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.records import EndNow
from ragflow.incremental.why import differences
from ragflow.interfaces.listing import Listing
from ragflow.interfaces.reasons import Recipes
from ragflow.runtime.recipes import recipe_at
from ragflow.scheduling.definitions import Definitions
from ragflow.views.reasons import difference_sentence

#: What a run is told on purpose, or finds out by calling: no guard asks about it.
_MEANT = ("parameter", "result")


def redone(
    listing: Listing,
    ends: Mapping[str, tuple[Node, EndNow]],
    graph: PipelineGraph,
    definitions: Definitions,
    recipes: Recipes,
) -> tuple[int, list[str]]:
    """Return how many documents, at the end where they are most, and what changed.

    Documents served by a definition that differs in parameters alone do not count; those of a
    definition that an older version of ragflow wrote do.
    """
    by_generation: dict[int, int] = {}
    changed: dict[str, None] = {}
    nodes = {end.generation: node for node, end in ends.values()}
    for (generation, before), number in listing.redone().items():
        old = recipes.get(before)
        if old is None:
            told = ["how they are made changed"]
        else:
            now = recipe_at(graph, nodes[generation], definitions)
            found = differences(old, now)
            if all(each.what in _MEANT for each in found):
                continue
            told = [difference_sentence(each) for each in found]
        by_generation[generation] = by_generation.get(generation, 0) + number
        changed.update(dict.fromkeys(told))
    return max(by_generation.values(), default=0), list(changed)
