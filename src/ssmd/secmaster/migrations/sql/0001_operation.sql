-- What came over WebSockets about instruments themselves; once per message, however often it is delivered.
CREATE TABLE ssmd.lifecycle_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL, symbol text NOT NULL, event text NOT NULL,
    status text, raw_status text, ts_event timestamptz, received_at timestamptz,
    feed text NOT NULL, connection text NOT NULL, ordinal bigint NOT NULL, part integer NOT NULL,
    detail jsonb,
    outcome text NOT NULL CHECK (outcome IN ('applied', 'unchanged', 'refused', 'unknown_instrument')),
    why text NOT NULL DEFAULT '',
    UNIQUE (connection, ordinal, part, symbol, event)
);
CREATE INDEX ON ssmd.lifecycle_event (venue, symbol, ts_event);

-- Transitions that the status machine does not allow: the row keeps its state, this remembers what was said.
CREATE TABLE ssmd.refusal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL, symbol text NOT NULL, from_status text NOT NULL, to_status text NOT NULL,
    raw_status text NOT NULL, source text NOT NULL, why text NOT NULL,
    first_at timestamptz NOT NULL, last_at timestamptz NOT NULL, times bigint NOT NULL DEFAULT 1,
    UNIQUE (venue, symbol, from_status, to_status, raw_status, source)
);

-- What a listing said that cannot be taken as it is.
CREATE TABLE ssmd.quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL, entity text NOT NULL, symbol text NOT NULL, kind text NOT NULL,
    raw_status text, reason text NOT NULL, payload text NOT NULL,
    first_at timestamptz NOT NULL, last_at timestamptz NOT NULL, times bigint NOT NULL DEFAULT 1,
    released_at timestamptz,
    UNIQUE (venue, entity, symbol, kind)
);

CREATE TABLE ssmd.sync_round (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL, mode text NOT NULL, state text NOT NULL
        CHECK (state IN ('running', 'done', 'failed', 'abandoned')),
    started_at timestamptz NOT NULL, finished_at timestamptz, asked_since timestamptz,
    resume jsonb, counts jsonb, error text
);
CREATE INDEX ON ssmd.sync_round (venue, started_at);

CREATE TABLE ssmd.cdc_state (
    slot text PRIMARY KEY, system_id text NOT NULL, generation bigint NOT NULL,
    created_at timestamptz NOT NULL, lsn pg_lsn NOT NULL
);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['series', 'event', 'instrument', 'alias', 'fee', 'activity', 'link'] LOOP
        EXECUTE format('ALTER TABLE ssmd.%I REPLICA IDENTITY FULL', t);
    END LOOP;
END $$;
-- With the change sets: a row that was deleted says nowhere else when that became known.
CREATE PUBLICATION ssmd FOR TABLE ssmd.change_set, ssmd.series, ssmd.event, ssmd.instrument,
    ssmd.alias, ssmd.fee, ssmd.activity, ssmd.link;
