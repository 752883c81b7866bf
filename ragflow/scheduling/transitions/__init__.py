"""The pure core of the scheduler: ``step(state, event) -> commands``, and nothing else.

No clock, I/O, randomness or logging: instants come with events, jitter is drawn from names.
So it runs under a simulator (`tests/simulation`) as it runs in a run.
"""
