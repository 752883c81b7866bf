"""Which definitions does a run write by, and are they written down?"""

from collections.abc import Iterable

from ragflow.core.node import Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.recipes import Recipe
from ragflow.interfaces.orchestration import MetadataStore
from ragflow.runtime.ends import name_of
from ragflow.scheduling.definitions import Definitions
from ragflow.scheduling.recipes import recipe_of


def keep_recipes(
    store: MetadataStore,
    run: int,
    graph: PipelineGraph,
    ends: Iterable[Node],
    definitions: Definitions,
) -> None:
    """Write down what the definition of each end is made of, where it is new.

    Before the first row is served by it, and once however many are: a run that finds every
    definition written down asks one question and writes nothing.
    """
    by_definition = {definitions.definitions[end.name]: end for end in ends}
    missing = store.recipes.missing(list(by_definition))
    if missing:
        store.recipes.keep(
            run, [recipe_at(graph, by_definition[each], definitions) for each in missing]
        )


def recipe_at(graph: PipelineGraph, end: Node, definitions: Definitions) -> Recipe:
    """Return what the definition of an end is made of now."""
    return recipe_of(graph, end, definitions, name=name_of(end))
