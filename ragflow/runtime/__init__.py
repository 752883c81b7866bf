"""The composition root: homes, runs, plans; joins plugins to the scheduler."""
