"""How is a listing compared with the ledgers? The statements, over temporary tables."""

#: The tables of one listing, temporary and its connection's alone.
TABLES = {
    "listed": "(key TEXT PRIMARY KEY, token BLOB NOT NULL, metadata BLOB, size INTEGER, \
skip_reason TEXT, skip_message TEXT) WITHOUT ROWID",
    "present": "(generation INTEGER PRIMARY KEY, definition INTEGER NOT NULL)",
    "released": "(requirement TEXT PRIMARY KEY) WITHOUT ROWID",
    "compared": "(key TEXT PRIMARY KEY, owner INTEGER, change INTEGER NOT NULL) WITHOUT ROWID",
    "gone": "(key TEXT PRIMARY KEY, owner INTEGER NOT NULL) WITHOUT ROWID",
}
ADD = "INSERT INTO listed VALUES (?, ?, ?, ?, ?, ?)"

# `good` counts the ends at which nothing is to be done; `skips` and `holds` those that stand
# so; `waits` those that wait, by the token they were tried with: what could not even be read has
# no input to tell by. States are those of `encoding.OWNER_STATES`: 0 succeeded, 1 skipped,
# 2 failed, 3 held back. What failed waits for its instant, what is held back for ever or for
# that. A definition of 0 is any: the dead letter was discarded, and is not counted. Those of a
# home of the first version know no token: what could not be read then waits for any but the one
# that it was served with.
COMPARE = """
INSERT INTO compared (key, owner, change)
SELECT key, owner,
  CASE
    WHEN owner IS NULL OR (tries = 0 AND :ends > 0) THEN 0
    WHEN is_same AND skip_reason IS NOT NULL AND same_skips = :ends THEN 4
    WHEN skip_reason IS NULL AND :ends > 0 AND waits = :ends THEN iif(holds > 0, 5, 3)
    WHEN NOT is_same THEN 1
    WHEN skip_reason IS NOT NULL OR is_unread THEN 1
    WHEN good < :ends THEN 2
    WHEN holds > 0 THEN 5
    WHEN skips > 0 THEN 4
    ELSE 3
  END
FROM (
  SELECT l.key AS key, l.skip_reason AS skip_reason, s.owner AS owner,
    s.token = l.token AS is_same, s.input IS NULL AS is_unread,
    count(d.owner) AS tries,
    total(d.state = 1 AND d.reason = l.skip_reason) AS same_skips,
    total(CASE
      WHEN d.requirement IS NOT NULL
        AND d.requirement IN (SELECT requirement FROM released) THEN 0
      WHEN d.state <= 1 THEN d.served_definition = p.definition
        AND coalesce(d.served_input, s.input) = s.input
      ELSE d.tried_definition IN (p.definition, 0) AND d.tried_input = s.input
        AND coalesce(b.not_before, iif(d.state = 3, :now + 1, 0)) > :now
    END) AS good,
    total(CASE
      WHEN d.requirement IS NOT NULL
        AND d.requirement IN (SELECT requirement FROM released) THEN 0
      WHEN b.token IS NULL AND d.tried_definition = 0
        THEN d.tried_input IS NULL AND s.token <> l.token
      ELSE d.tried_definition IN (p.definition, 0) AND b.token = l.token
        AND coalesce(b.not_before, iif(d.state = 3, :now + 1, 0)) > :now
    END) AS waits,
    total(d.state = 1) AS skips,
    total(d.state > 1 AND d.tried_definition <> 0) AS holds
  FROM listed AS l
  LEFT JOIN main.seen AS s ON s.source = :source AND s.key = l.key
  LEFT JOIN present AS p ON s.owner IS NOT NULL
  LEFT JOIN main.done AS d ON d.owner = s.owner AND d.generation = p.generation
  LEFT JOIN main.dead_letter AS b
    ON d.state > 1 AND b.owner = d.owner AND b.generation = d.generation
  GROUP BY l.key
)
"""

GONE = """
INSERT INTO gone (key, owner)
SELECT s.key, s.owner FROM main.seen AS s
WHERE s.source = ? AND NOT EXISTS (SELECT 1 FROM listed AS l WHERE l.key = s.key)
"""

OWNERS = """
SELECT c.key, c.owner, c.change, l.token, l.metadata, l.size, l.skip_reason, l.skip_message,
  s.token, s.content, s.metadata
FROM compared AS c CROSS JOIN listed AS l ON l.key = c.key
LEFT JOIN main.seen AS s ON s.owner = c.owner
WHERE c.key {operator} ? AND c.change BETWEEN ? AND ? ORDER BY c.key LIMIT ?
"""

# Of numbers of changes 2 is stale, and from 3 on nothing is to be done.
HAVING = """
SELECT DISTINCT s.content FROM compared AS c CROSS JOIN main.seen AS s ON s.owner = c.owner
WHERE c.change >= 3 AND s.content IN (*)
"""

REDONE = """
SELECT d.generation, d.served_definition, count(*) FROM compared AS c
CROSS JOIN present AS p CROSS JOIN main.done AS d
  ON d.owner = c.owner AND d.generation = p.generation
WHERE c.change = 2 AND d.state = 0 AND d.served_definition <> p.definition
GROUP BY d.generation, d.served_definition
"""

# What could not even be read was tried in vain with its token, and begins anew with another.
STANDINGS = """
SELECT d.owner, d.generation, d.state, d.served_definition, coalesce(d.served_input, s.input),
  d.tried_definition, d.tried_input,
  iif(d.tried_input IS NULL AND b.token <> l.token, 0, b.tries), b.not_before,
  d.reason, d.requirement
FROM main.done AS d JOIN main.seen AS s ON s.owner = d.owner
LEFT JOIN listed AS l ON l.key = s.key
LEFT JOIN main.dead_letter AS b ON b.owner = d.owner AND b.generation = d.generation
WHERE d.generation IN (SELECT generation FROM present) AND d.owner IN (*)
"""
