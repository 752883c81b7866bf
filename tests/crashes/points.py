"""Every point at which a run can be cut off, and what is on the disk by then.

A transaction has two: *written*, the last instant before it counts, and *committed*, the first
after. A change of the store has three: *begun*, when it is marked as under way; *made*; and
*recorded*, when everybody else may see it.
"""

#: Transactions of the home, by the function whose write it is.
TRANSACTIONS = {
    "make_current": "the tables are made",
    "Instances.get": "the instance is known",
    "SqliteLeases.take": "the lease is taken",
    "SqliteRuns.begin": "the run began",
    "SqliteGenerations.build": "there is a generation to write",
    "SqliteAssignments.take_up": "what a dead scheduler left open is counted",
    "SqliteRecipes.keep": "what the definitions are made of is known",
    "SqliteManifests.put": "what archives hold is known",
    "SqliteLedger.set_locator": "the place of the source is known",
    "SqliteLedger.set_guarded": "of how many documents a loss is judged is known",
    "SqliteAssignments.open": "assignments are rows, and may be handed out",
    "_Portion": "memos are remembered",
    "_Closing": "assignments are closed",
    "SqliteLedger.intend": "the rows of a portion are announced",
    "SqliteLedger.commit": "a portion, or a removal, is seen, done and held",
    "SqliteGenerations.publish": "readers see the next generation",
    "SqliteLedger._let_go_portion": "what the retired generation alone needed is let go",
    "SqliteLedger.forget_generation": "the ledger of a retired generation is forgotten",
    "SqliteGenerations.forget": "the retired generation itself is forgotten",
    "SqliteRuns.end": "the run ended",
    "Writer.flush": "everything posted is on the disk",
    "SqliteLeases.release": "the lease is let go",
}
#: Changes of the embedded store.
CHANGES = {
    "create": "the place of a generation is made",
    "upsert": "a portion of rows is there",
    "delete": "a portion of stale rows is gone",
    "drop": "the place of a retired generation is gone",
}
#: Transactions that a run makes only after a crash, or only when it takes ten seconds.
ELSEWHERE = {
    "SqliteAssignments.clear": "deaths of calls that came back are forgotten",
    "SqliteLedger.recover": "what was announced and not committed is distrusted",
    "SqliteLeases.renew": "the lease is renewed",
}

POINTS = [
    *(f"{name}: {when}" for name in TRANSACTIONS for when in ("written", "committed")),
    *(f"ChromaStore {name}: {when}" for name in CHANGES for when in ("begun", "made", "recorded")),
    "Committer: applied",
]
