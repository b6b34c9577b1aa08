-- A list of columns, each in a pattern: `%s` is its name.
CREATE FUNCTION ssmd.each(columns text, pattern text) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN (SELECT string_agg(replace(pattern, '%s', name), ', ') FROM unnest(string_to_array(columns, ', ')) AS name);

-- Only the triggers of the table itself write its history; a retention policy may prune what moves.
CREATE FUNCTION ssmd.guard_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 AND NOT (TG_OP = 'DELETE' AND TG_TABLE_NAME = 'activity_version'
                                       AND coalesce(current_setting('ssmd.prune', true), '') = 'on') THEN
        RAISE EXCEPTION '% is written by the triggers of its table alone', TG_TABLE_NAME
            USING HINT = 'Write the table: its history follows.';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ssmd.refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never emptied at once: its history would be lost', TG_TABLE_NAME
        USING HINT = 'Delete the rows: each ends, and stays known.';
END $$;

-- Gives a table a history that no writer can go round: versions with valid and known time, kept by triggers.
-- Called again after a migration changed the table's columns (and the version table's likewise).
-- `key` are the columns that say which row it is, joined by ', '.
CREATE FUNCTION ssmd.keep_history(t text, key text) RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
    versions text := t || '_version';
    columns  text;
BEGIN
    IF to_regclass('ssmd.' || versions) IS NULL THEN
        EXECUTE format($ddl$
            CREATE TABLE ssmd.%1$I (
                LIKE ssmd.%2$I INCLUDING DEFAULTS EXCLUDING IDENTITY,
                version_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                valid_to   timestamptz NOT NULL DEFAULT 'infinity',
                known_to   timestamptz NOT NULL DEFAULT 'infinity',
                CHECK (valid_from < valid_to),
                CHECK (known_from <= known_to)
            )$ddl$, versions, t);
        EXECUTE format('ALTER TABLE ssmd.%I DROP COLUMN told_from', versions);
        -- What is known now is one line of time: no two stretches begin, or end, together. An exclusion
        -- constraint would say it whole, and made a change of every row four times as long.
        EXECUTE format($ddl$CREATE UNIQUE INDEX ON ssmd.%I (id, valid_to) WHERE known_to = 'infinity'$ddl$, versions);
        EXECUTE format($ddl$CREATE UNIQUE INDEX ON ssmd.%I (id, valid_from) WHERE known_to = 'infinity'$ddl$, versions);
        EXECUTE format('CREATE INDEX ON ssmd.%I (id, known_from)', versions);
        EXECUTE format('CREATE TRIGGER guarded BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ssmd.%I
            FOR EACH STATEMENT EXECUTE FUNCTION ssmd.guard_history()', versions);
    END IF;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
        FROM pg_attribute
        WHERE attrelid = to_regclass('ssmd.' || t) AND attnum > 0 AND NOT attisdropped
          AND attname NOT IN ('told_from', 'valid_from', 'known_from', 'change_id');

    -- A row that comes again and is said to have been there before begins where the one before it ended.
    EXECUTE format($ddl$
        CREATE OR REPLACE FUNCTION ssmd.%1$I() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
            INSERT INTO ssmd.%2$I (%3$s, valid_from, known_from, change_id)
                SELECT %3$s, CASE WHEN n.valid_from = n.known_from THEN n.valid_from ELSE greatest(
                    n.valid_from, (SELECT max(w.valid_to) FROM ssmd.%2$I w
                                   WHERE (%4$s) = (%5$s) AND w.known_to = 'infinity' AND w.valid_to < 'infinity')
                ) END, n.known_from, n.change_id FROM fresh n;
            RETURN NULL;
        END $body$ $ddl$, t || '_inserted', versions, columns,
        ssmd.each(key, 'w.%s'), ssmd.each(key, 'n.%s'));

    -- Each known stretch after the change's beginning is patched with what changed; what was known of it
    -- stays known until now. The last stretch is the row as it stands; only a change that is told of late
    -- reaches stretches before it.
    EXECUTE format($ddl$
        CREATE OR REPLACE FUNCTION ssmd.%1$I() RETURNS trigger LANGUAGE plpgsql AS $body$
        DECLARE
            hits bigint[];
        BEGIN
            hits := ARRAY(SELECT w.version_id FROM fresh n JOIN ssmd.%2$I w ON w.id = n.id
                          WHERE w.known_to = 'infinity' AND w.valid_to > n.valid_from);
            UPDATE ssmd.%2$I w SET known_to = n.known_from
                FROM unnest(hits) AS h (version_id), fresh n
                WHERE w.version_id = h.version_id AND n.id = w.id;
            INSERT INTO ssmd.%2$I (%3$s, valid_from, valid_to, known_from, change_id)
                SELECT %4$s, w.valid_from, n.valid_from, n.known_from, w.change_id
                FROM unnest(hits) AS h (version_id) JOIN ssmd.%2$I w USING (version_id) JOIN fresh n ON n.id = w.id
                WHERE w.valid_from < n.valid_from
                UNION ALL
                SELECT %5$s, greatest(w.valid_from, n.valid_from), w.valid_to, n.known_from, n.change_id
                FROM unnest(hits) AS h (version_id) JOIN ssmd.%2$I w USING (version_id) JOIN fresh n ON n.id = w.id
                WHERE w.valid_to = 'infinity'
                UNION ALL
                SELECT %6$s, greatest(w.valid_from, n.valid_from), w.valid_to, n.known_from, n.change_id
                FROM unnest(hits) AS h (version_id) JOIN ssmd.%2$I w USING (version_id)
                JOIN fresh n ON n.id = w.id JOIN stale o ON o.id = w.id
                WHERE w.valid_to < 'infinity';
            -- What this very transaction had stated before was never known to anybody.
            DELETE FROM ssmd.%2$I w USING unnest(hits) AS h (version_id)
                WHERE w.version_id = h.version_id AND w.known_from = w.known_to;
            RETURN NULL;
        END $body$ $ddl$, t || '_updated', versions, columns,
        ssmd.each(columns, 'w.%s'), ssmd.each(columns, 'n.%s'),
        ssmd.each(columns, 'CASE WHEN n.%s IS DISTINCT FROM o.%s THEN n.%s ELSE w.%s END'));

    -- A row that is deleted was so until now: its valid time ends.
    EXECUTE format($ddl$
        CREATE OR REPLACE FUNCTION ssmd.%1$I() RETURNS trigger LANGUAGE plpgsql AS $body$
        DECLARE
            hits bigint[];
        BEGIN
            hits := ARRAY(SELECT w.version_id FROM stale o JOIN ssmd.%2$I w ON w.id = o.id
                          WHERE w.known_to = 'infinity' AND w.valid_to > (ssmd.change(o.venue)).known);
            UPDATE ssmd.%2$I w SET known_to = (ssmd.change(w.venue)).known
                FROM unnest(hits) AS h (version_id) WHERE w.version_id = h.version_id;
            INSERT INTO ssmd.%2$I (%3$s, valid_from, valid_to, known_from, change_id)
                SELECT %4$s, w.valid_from, w.known_to, w.known_to, (ssmd.change(w.venue)).change_id
                FROM unnest(hits) AS h (version_id) JOIN ssmd.%2$I w USING (version_id)
                WHERE w.valid_from < w.known_to;
            DELETE FROM ssmd.%2$I w USING unnest(hits) AS h (version_id)
                WHERE w.version_id = h.version_id AND w.known_from = w.known_to;
            RETURN NULL;
        END $body$ $ddl$, t || '_deleted', versions, columns, ssmd.each(columns, 'w.%s'));

    EXECUTE format('CREATE OR REPLACE TRIGGER stamp BEFORE INSERT OR UPDATE ON ssmd.%I
        FOR EACH ROW EXECUTE FUNCTION ssmd.stamp()', t);
    EXECUTE format('CREATE OR REPLACE TRIGGER inserted AFTER INSERT ON ssmd.%I REFERENCING NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION ssmd.%I()', t, t || '_inserted');
    EXECUTE format('CREATE OR REPLACE TRIGGER updated AFTER UPDATE ON ssmd.%I
        REFERENCING OLD TABLE AS stale NEW TABLE AS fresh
        FOR EACH STATEMENT EXECUTE FUNCTION ssmd.%I()', t, t || '_updated');
    EXECUTE format('CREATE OR REPLACE TRIGGER deleted AFTER DELETE ON ssmd.%I REFERENCING OLD TABLE AS stale
        FOR EACH STATEMENT EXECUTE FUNCTION ssmd.%I()', t, t || '_deleted');
    EXECUTE format('CREATE OR REPLACE TRIGGER emptied BEFORE TRUNCATE ON ssmd.%I
        FOR EACH STATEMENT EXECUTE FUNCTION ssmd.refuse_truncate()', t);

    -- What was so at a time, as it was known at a time.
    EXECUTE format($ddl$
        CREATE OR REPLACE FUNCTION ssmd.%1$I(as_of timestamptz, known_at timestamptz DEFAULT clock_timestamp())
        RETURNS SETOF ssmd.%2$I LANGUAGE plpgsql VOLATILE AS $body$
        BEGIN
            PERFORM ssmd.seal(known_at);
            RETURN QUERY SELECT w.* FROM ssmd.%2$I w
                WHERE w.known_from <= $2 AND $2 < w.known_to AND w.valid_from <= $1 AND $1 < w.valid_to;
        END $body$ $ddl$, t || '_as_of', versions);
END $make$;

-- What is wrong with a table's history; no row when all is well. Reads all of it. With the columns of a key for
-- `key`, joined by ', ', rows that came again after a deletion are held against those before them, too.
CREATE FUNCTION ssmd.check_history(t text, key text DEFAULT 'id')
RETURNS TABLE (id bigint, version_id bigint, wrong text) LANGUAGE plpgsql STABLE AS $$
DECLARE
    columns text := (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
                     WHERE attrelid = ('ssmd.' || quote_ident(t))::regclass AND attnum > 0 AND NOT attisdropped
                       AND attname NOT IN ('told_from', 'valid_from', 'known_from', 'change_id'));
BEGIN
    RETURN QUERY EXECUTE format($q$
        SELECT a.id, a.version_id, 'overlaps version ' || b.version_id
        FROM ssmd.%1$I a JOIN ssmd.%1$I b ON (%5$s) = (%6$s) AND b.version_id > a.version_id
        WHERE tstzrange(a.known_from, a.known_to) && tstzrange(b.known_from, b.known_to)
          AND tstzrange(a.valid_from, a.valid_to) && tstzrange(b.valid_from, b.valid_to)
        UNION ALL
        SELECT a.id, a.version_id, 'was known for no time' FROM ssmd.%1$I a WHERE a.known_from = a.known_to
        UNION ALL
        SELECT a.id, a.version_id, 'is stamped otherwise than its change set'
        FROM ssmd.%1$I a LEFT JOIN ssmd.change_set c ON c.id = a.change_id
        WHERE c.id IS NULL OR c.venue <> a.venue OR c.known_at > a.known_from
        UNION ALL
        SELECT coalesce(r.id, a.id), a.version_id, 'is not the row as it stands'
        FROM (SELECT * FROM ssmd.%1$I WHERE valid_to = 'infinity' AND known_to = 'infinity') a
        FULL JOIN ssmd.%2$I r ON r.id = a.id
        WHERE (%3$s) IS DISTINCT FROM (%4$s)
        $q$, t || '_version', t, ssmd.each(columns, 'r.%s'), ssmd.each(columns, 'a.%s'),
        ssmd.each(key, 'a.%s'), ssmd.each(key, 'b.%s'));
END $$;
