"""Classes of the advisory locks: a number each, so that nobody waits for what another means."""

from typing import Final

WRITERS: Final = 1_397_968_196
"""Whoever writes a venue's rows: `lock_writing` and `lock_shared` of the schema; by venue."""

# 1_397_968_197 and 1_397_968_198 are the schema's own: see migrations/sql/0001_changes.sql.

ROUNDS: Final = 1_397_968_199
"""Whoever synchronises a venue; by venue."""
STAGES: Final = 1_397_968_200
"""Whoever staged the rows of a round; by the round's number."""
PUBLISHERS: Final = 1_397_968_201
"""Whoever publishes the changes of a slot; by the slot's name."""
VERDICTS: Final = 1_397_968_202
"""Whoever keeps the verdict over a day; by the day, counted from 1970."""
KEYS: Final = 1_397_968_203
"""Whoever makes or changes keys of the API: one act after the other, whatever key it is about."""
