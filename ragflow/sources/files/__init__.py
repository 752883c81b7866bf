"""A folder of files as a source.

``keys`` spells names, ``tokens`` recognizes what did not change, ``patterns`` and ``selection``
choose, ``walking`` lists, ``reading`` reads, ``source`` joins them.
"""

from ragflow.sources.files.source import Files

__all__ = ["Files"]
