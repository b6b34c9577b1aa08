-- Where a round of synchronisation gathers what a venue lists, page by page, before anything of it is applied.
-- Unlogged: it costs no WAL, and what a crash takes of it is fetched again.
-- A migration that adds a column to one of these tables adds it here as well.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['series', 'event', 'instrument', 'alias', 'fee', 'activity', 'funding'] LOOP
        EXECUTE format('CREATE UNLOGGED TABLE stage_%1$s (LIKE %1$s INCLUDING CONSTRAINTS)', t);
        IF t <> 'funding' THEN
            EXECUTE format('ALTER TABLE stage_%s DROP COLUMN id, DROP COLUMN told_from, DROP COLUMN valid_from,
                            DROP COLUMN known_from, DROP COLUMN change_id', t);
        END IF;
        EXECUTE format('ALTER TABLE stage_%s ADD COLUMN round bigint NOT NULL, ADD COLUMN seq bigint NOT NULL,
                        ADD COLUMN fetched_at timestamptz NOT NULL', t);
        EXECUTE format('CREATE INDEX ON stage_%s (round, symbol)', t);
    END LOOP;
END $$;
ALTER TABLE stage_fee ALTER COLUMN effective_from DROP NOT NULL, ALTER COLUMN effective_to DROP NOT NULL;

CREATE UNLOGGED TABLE stage_reject (
    round bigint NOT NULL, seq bigint NOT NULL, venue text NOT NULL, entity text NOT NULL, symbol text NOT NULL,
    kind text NOT NULL, raw_status text, reason text NOT NULL, payload text NOT NULL
);
CREATE INDEX ON stage_reject (round, symbol);

-- The answers of a round that goes on, compressed: a successor of a process that died hears them again
-- instead of asking for them again.
CREATE UNLOGGED TABLE stage_answer (
    round bigint NOT NULL, n bigint NOT NULL, request text NOT NULL, body bytea NOT NULL, fetched_at timestamptz NOT NULL,
    PRIMARY KEY (round, n)
);

-- Up to where a stream of the bus was read for what happens to instruments; moved in the same transaction
-- that applies it.
CREATE TABLE lifecycle_position (
    stream text PRIMARY KEY, created bigint NOT NULL, sequence bigint NOT NULL
);
