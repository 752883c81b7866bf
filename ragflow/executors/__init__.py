"""Executors: where calls run. Found by name through entry points."""
