"""The vocabulary of orchestration: tasks, graphs, parameters, items, states, records."""
