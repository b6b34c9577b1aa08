CREATE TABLE ssmd.series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL, symbol text NOT NULL,
    title text NOT NULL, category text, tags text[], frequency text,
    details jsonb NOT NULL, payload jsonb NOT NULL,
    listed boolean NOT NULL DEFAULT true,
    told_from timestamptz, valid_from timestamptz NOT NULL, known_from timestamptz NOT NULL, change_id bigint NOT NULL,
    UNIQUE (venue, symbol)
);

CREATE TABLE ssmd.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL, symbol text NOT NULL,
    series text, title text NOT NULL, category text, tags text[],
    mutually_exclusive boolean, strike_at timestamptz,
    details jsonb NOT NULL, payload jsonb NOT NULL,
    listed boolean NOT NULL DEFAULT true,
    told_from timestamptz, valid_from timestamptz NOT NULL, known_from timestamptz NOT NULL, change_id bigint NOT NULL,
    UNIQUE (venue, symbol)
);

CREATE TABLE ssmd.instrument (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL, symbol text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('spot', 'perpetual', 'future', 'option', 'event')),
    status text NOT NULL
        CHECK (status IN ('pre_open', 'active', 'paused', 'closed', 'determined', 'settled', 'void')),
    raw_status text NOT NULL, status_source text NOT NULL, status_at timestamptz,
    restricted boolean NOT NULL, title text NOT NULL,
    base text, quote text, underlying text, event text, series text, outcome text, category text, tags text[],
    tick_size numeric, price_ranges jsonb NOT NULL, lot_size numeric,
    min_size numeric, max_size numeric, min_notional numeric, contract_size numeric,
    open_at timestamptz, close_at timestamptz, expiry_at timestamptz,
    result text, settlement_value numeric,
    aliases jsonb NOT NULL, details jsonb NOT NULL, payload jsonb NOT NULL,
    listed boolean NOT NULL DEFAULT true,
    told_from timestamptz, valid_from timestamptz NOT NULL, known_from timestamptz NOT NULL, change_id bigint NOT NULL,
    UNIQUE (venue, symbol)
);
CREATE INDEX ON ssmd.instrument (venue, series);
CREATE INDEX ON ssmd.instrument (venue, event);
CREATE INDEX ON ssmd.instrument (open_at) WHERE status = 'pre_open';
CREATE INDEX ON ssmd.instrument (close_at) WHERE status IN ('active', 'paused');

-- Other names. A value may name several instruments: every market of an event has the event's ticker.
CREATE TABLE ssmd.alias (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL, scheme text NOT NULL, value text NOT NULL, symbol text NOT NULL,
    told_from timestamptz, valid_from timestamptz NOT NULL, known_from timestamptz NOT NULL, change_id bigint NOT NULL,
    UNIQUE (venue, scheme, value, symbol)
);
CREATE INDEX ON ssmd.alias (venue, symbol);
CREATE INDEX ON ssmd.alias (value);

-- Equality inside a GiST index without an extension: a range of one value.
CREATE TYPE ssmd.textrange AS RANGE (subtype = text, collation = "C");

CREATE TABLE ssmd.fee (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL,
    scope text NOT NULL CHECK (scope IN ('instrument', 'series', 'event', 'schedule')),
    symbol text NOT NULL, kind text NOT NULL, currency text, multiplier numeric,
    maker jsonb NOT NULL, taker jsonb NOT NULL,
    effective_from timestamptz NOT NULL, effective_to timestamptz NOT NULL DEFAULT 'infinity',
    source_id text,
    told_from timestamptz, valid_from timestamptz NOT NULL, known_from timestamptz NOT NULL, change_id bigint NOT NULL,
    CHECK (effective_from < effective_to),
    EXCLUDE USING gist (
        ssmd.textrange(venue, venue, '[]') WITH =, ssmd.textrange(scope, scope, '[]') WITH =,
        ssmd.textrange(symbol, symbol, '[]') WITH =, tstzrange(effective_from, effective_to) WITH &&
    ) DEFERRABLE INITIALLY IMMEDIATE
);
CREATE INDEX ON ssmd.fee (venue, scope, symbol, effective_from);

-- What moves: kept apart, so that a trade is no change of the instrument.
CREATE TABLE ssmd.activity (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL, symbol text NOT NULL,
    volume numeric, volume_24h numeric, liquidity numeric, open_interest numeric,
    told_from timestamptz, valid_from timestamptz NOT NULL, known_from timestamptz NOT NULL, change_id bigint NOT NULL,
    UNIQUE (venue, symbol)
);

-- The same thing on two venues: said by somebody, dated, reviewed; never guessed when asked.
CREATE TABLE ssmd.link (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL DEFAULT '*' CHECK (venue = '*'),
    kind text NOT NULL CHECK (kind IN ('underlying', 'event', 'instrument')),
    left_venue text NOT NULL, left_symbol text NOT NULL, right_venue text NOT NULL, right_symbol text NOT NULL,
    relation text NOT NULL DEFAULT 'same',
    state text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'confirmed', 'rejected')),
    reason text NOT NULL DEFAULT '', reviewer text,
    starts_at timestamptz NOT NULL DEFAULT '-infinity', ends_at timestamptz NOT NULL DEFAULT 'infinity',
    told_from timestamptz, valid_from timestamptz NOT NULL, known_from timestamptz NOT NULL, change_id bigint NOT NULL,
    CHECK (starts_at < ends_at),
    CHECK ((left_venue, left_symbol) < (right_venue, right_symbol)),
    UNIQUE (kind, relation, left_venue, left_symbol, right_venue, right_symbol, starts_at)
);

SELECT ssmd.keep_history(t, key) FROM (VALUES
    ('series', 'venue, symbol'), ('event', 'venue, symbol'), ('instrument', 'venue, symbol'),
    ('alias', 'venue, scheme, value, symbol'), ('fee', 'venue, scope, symbol, effective_from'),
    ('activity', 'venue, symbol'),
    ('link', 'kind, relation, left_venue, left_symbol, right_venue, right_symbol, starts_at')
) AS kept (t, key);

-- A name is asked for by its value, whenever it held; what else an instrument was called, by its symbol.
CREATE INDEX ON ssmd.alias_version (value);
CREATE INDEX ON ssmd.alias_version (venue, symbol);
-- So is an instrument, after its row is gone too.
CREATE INDEX ON ssmd.instrument_version (venue, symbol);

CREATE VIEW ssmd.price_grid AS
    SELECT w.venue, w.symbol, (g.stretch ->> 'start')::numeric AS start_price, (g.stretch ->> 'end')::numeric AS end_price,
           (g.stretch ->> 'step')::numeric AS step, w.valid_from, w.valid_to, w.known_from, w.known_to
    FROM ssmd.instrument_version w CROSS JOIN LATERAL jsonb_array_elements(w.price_ranges) AS g (stretch);

-- What holding a perpetual cost, as often as it was asked; old rows are let go by a retention policy.
CREATE TABLE ssmd.funding (
    venue text NOT NULL, symbol text NOT NULL, at timestamptz NOT NULL,
    rate numeric, prediction numeric, mark_price numeric, index_price numeric, open_interest numeric,
    PRIMARY KEY (venue, symbol, at)
);
CREATE INDEX ON ssmd.funding (at);
