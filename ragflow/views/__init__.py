"""How runs, plans, graphs and tables look, on a terminal and in Jupyter alike."""
