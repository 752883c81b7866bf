"""Stores: metadata, artifacts, vectors. Found by name through entry points."""
