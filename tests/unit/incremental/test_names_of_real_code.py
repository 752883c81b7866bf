"""Over code that others wrote, the tree and the compiler agree on which names are whose."""

import argparse
import ast
import dataclasses
import enum
import functools
import inspect
import tarfile
import typing
import unittest.mock
from collections.abc import Iterator
from types import FunctionType, ModuleType

import pytest

from ragflow.incremental.source_trees import tree_of
from ragflow.incremental.spelling import Spelling
from ragflow.incremental.unread_source import said_by_bytecode

MODULES = [argparse, ast, dataclasses, enum, functools, inspect, tarfile, typing, unittest.mock]


def functions(module: ModuleType) -> Iterator[FunctionType]:
    for value in vars(module).values():
        for each in vars(value).values() if isinstance(value, type) else [value]:
            function = getattr(each, "__func__", each)
            is_written = isinstance(function, FunctionType)
            if is_written and function.__code__.co_filename == module.__file__:
                yield function


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_names_of_the_module_and_names_closed_over_are_those_of_the_compiler(module):
    found = list(functions(module))
    assert len(found) > 20
    for function in found:
        code, tree = function.__code__, tree_of(function)
        assert tree is not None, function
        spelling = Spelling(free=code.co_freevars, tree=tree)
        spelling.of_function(tree)
        _, reads, _, _ = said_by_bytecode(code)
        # What an annotation inside names is read by nobody; `super()` shows no name.
        assert set(reads) <= spelling.reads | {"__name__"}, function
        assert {*spelling.free, "__class__"} == {*code.co_freevars, "__class__"}, function
