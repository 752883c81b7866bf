"""Sources: what lists and loads owners. Found by name through entry points."""
