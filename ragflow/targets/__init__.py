"""Targets: what keeps rows. Found by name through entry points."""
