"""Executors and other plugins are found by name."""

from typing import Any

import pytest

from ragflow import plugins
from ragflow.errors import PluginError


def test_an_unknown_plugin_comes_with_the_nearest_or_all_names():
    with pytest.raises(PluginError, match="no plugin of kind executors is called 'thread'") as r:
        plugins.find("executors", "thread")
    assert r.value.hint == "did you mean 'threads'?"
    with pytest.raises(PluginError) as r:
        plugins.find("executors", "xyzzy")
    assert r.value.hint.startswith("installed: inline, processes, threads")
    with pytest.raises(PluginError) as r:
        plugins.find("nothing", "at-all")
    assert "ragflow.nothing" in r.value.hint


def test_a_plugin_that_cannot_be_imported_says_what_brings_it(monkeypatch):
    class Point:
        name, value = "broken", "broken_package:Thing"

        def load(self) -> Any:
            raise ImportError("no module named 'broken_package'")

    monkeypatch.setattr(plugins, "entry_points", lambda group: [Point()])
    with pytest.raises(PluginError, match="cannot be imported") as raised:
        plugins.find("executors", "broken")
    assert "broken_package:Thing" in raised.value.hint
