-- Who may ask the HTTP API what, how often they did, and what was done by whom. Not versioned: the audit is the
-- history; and not published.

-- Of a secret there is its digest alone (SHA-256 of 256 random bits), and of a key that was revoked not even that.
CREATE TABLE ssmd.api_key (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{12}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100 AND name !~ '[[:cntrl:]]'),
    digest bytea CHECK (length(digest) = 32),
    earlier bytea CHECK (length(earlier) = 32), earlier_until timestamptz,
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY[
        'secmaster:read', 'datasets:read', 'quality:read', 'live:read', 'admin:*']),
    feeds text[] CHECK (cardinality(feeds) > 0), since date, until date,
    rate double precision CHECK (rate > 0), burst integer CHECK (burst > 0),
    created_at timestamptz NOT NULL, created_by text NOT NULL, rotated_at timestamptz,
    expires_at timestamptz, disabled_at timestamptz, revoked_at timestamptz,
    CHECK (since <= until),
    CHECK ((earlier IS NULL) = (earlier_until IS NULL)),
    CHECK ((digest IS NULL) = (revoked_at IS NOT NULL) AND (digest IS NOT NULL OR earlier IS NULL)),
    CHECK (NOT 'admin:*' = ANY (scopes) OR (feeds IS NULL AND since IS NULL AND until IS NULL))
);

CREATE TABLE ssmd.api_usage (
    key text NOT NULL, day date NOT NULL, route text NOT NULL,
    requests bigint NOT NULL, refused bigint NOT NULL, bytes bigint NOT NULL,
    PRIMARY KEY (key, day, route)
);

CREATE TABLE ssmd.api_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL, kind text NOT NULL CHECK (kind IN ('act', 'access')),
    key text, actor text NOT NULL, address text NOT NULL, identity text,
    action text NOT NULL, target text NOT NULL,
    status integer, bytes bigint, feeds text[], details jsonb NOT NULL
);
CREATE INDEX ON ssmd.api_audit (at) WHERE kind = 'access';
CREATE INDEX ON ssmd.api_audit (key, id);

-- What was written stays as it is. Acts stay for good; a retention policy may let old accesses go.
CREATE FUNCTION ssmd.guard_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND coalesce(current_setting('ssmd.prune', true), '') = 'on' THEN
        IF OLD.kind = 'access' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit is only added to' USING HINT = 'Nothing of it is changed or taken away.';
END $$;
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON ssmd.api_audit
    FOR EACH ROW EXECUTE FUNCTION ssmd.guard_audit();
CREATE TRIGGER guard_all BEFORE TRUNCATE ON ssmd.api_audit
    FOR EACH STATEMENT EXECUTE FUNCTION ssmd.guard_audit();

-- What signs download addresses: made once, at first use.
CREATE TABLE ssmd.api_secret (
    name text PRIMARY KEY, secret bytea NOT NULL CHECK (length(secret) = 32), created_at timestamptz NOT NULL
);
