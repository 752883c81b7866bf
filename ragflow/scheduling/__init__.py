"""The scheduler: walks owners through a graph of tasks, remembers calls, commits portions."""
