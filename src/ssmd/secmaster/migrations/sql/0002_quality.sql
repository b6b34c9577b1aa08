-- What was judged of the quality of what was recorded. Not versioned, and not published: a verdict is about the
-- archive, not about what is listed, and who judges a day again replaces it.

CREATE TABLE ssmd.dq_daily_scores (
    check_date date NOT NULL, feed text NOT NULL,
    score integer CHECK (score BETWEEN 0 AND 100),
    composite_score integer CHECK (composite_score BETWEEN 0 AND 100),
    grade text NOT NULL CHECK (grade IN ('GREEN', 'YELLOW', 'RED')),
    details jsonb NOT NULL, computed_at timestamptz NOT NULL,
    prometheus_degraded boolean NOT NULL, running boolean NOT NULL,
    PRIMARY KEY (check_date, feed)
);

CREATE TABLE ssmd.dq_finding (
    check_date date NOT NULL, feed text NOT NULL, name text NOT NULL,
    position integer NOT NULL, family text NOT NULL,
    value double precision, score double precision, weight double precision NOT NULL,
    threshold text NOT NULL, evidence text NOT NULL,
    state text NOT NULL CHECK (state IN ('known', 'unknown', 'not_applicable')),
    PRIMARY KEY (check_date, feed, name),
    FOREIGN KEY (check_date, feed) REFERENCES ssmd.dq_daily_scores ON DELETE CASCADE
);
CREATE INDEX ON ssmd.dq_finding (feed, name, check_date);

CREATE TABLE ssmd.dq_trades_run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue text NOT NULL, instrument text NOT NULL,
    since timestamptz NOT NULL, until timestamptz NOT NULL,
    matched bigint NOT NULL, missing bigint NOT NULL, extra bigint NOT NULL,
    sizes jsonb NOT NULL, caveat text NOT NULL DEFAULT '', at timestamptz NOT NULL
);
CREATE INDEX ON ssmd.dq_trades_run (venue, instrument, at);
