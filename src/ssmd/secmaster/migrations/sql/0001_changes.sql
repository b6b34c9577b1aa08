-- Everything names its schema: who writes here by hand has another search path.

-- Who changed what, and when it was known: one row per transaction and venue.
CREATE TABLE ssmd.change_set (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue    text NOT NULL,
    known_at timestamptz NOT NULL,
    xid      xid8 NOT NULL DEFAULT pg_current_xact_id(),
    source   text NOT NULL,
    UNIQUE (venue, known_at)
);

-- The latest time that anybody asked about, us since 1970. A sequence, because it is to stay when whoever
-- asked rolls back: his answer was given.
CREATE SEQUENCE ssmd.asked AS bigint MINVALUE 0 START 0;

CREATE FUNCTION ssmd.micros(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (extract(epoch FROM at) * 1000000)::bigint;

CREATE FUNCTION ssmd.of_micros(us bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN timestamptz 'epoch' + us * interval '1 microsecond';

-- The lock of a venue's writers. Whoever holds it shared sees every change stamped so far, and none is
-- stamped meanwhile: a transaction gives its locks back only when what it wrote can be seen.
CREATE FUNCTION ssmd.lock_key(v text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtext(v);

CREATE FUNCTION ssmd.lock_shared(v text) RETURNS void LANGUAGE sql VOLATILE
    BEGIN ATOMIC SELECT pg_advisory_xact_lock_shared(1397968196, ssmd.lock_key(v)); END;

-- For a writer of many rows, before its first: two who lock rows first and the venue second can each wait
-- for the other.
CREATE FUNCTION ssmd.lock_writing(v text) RETURNS void LANGUAGE sql VOLATILE
    BEGIN ATOMIC SELECT pg_advisory_xact_lock(1397968196, ssmd.lock_key(v)); END;

-- The change set of this transaction for a venue; the first call makes it, under the venue's lock.
-- Stamps of a venue grow in the order of commits, even when the machine's clock is set back; each lies after
-- any time that was asked about before it was made.
CREATE FUNCTION ssmd.change(v text, OUT change_id bigint, OUT known timestamptz) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    name text := 'ssmd.change_' || encode(convert_to(v, 'UTF8'), 'hex');
    held text := current_setting(name, true);
    last timestamptz;
    sealed timestamptz;
BEGIN
    IF held <> '' THEN
        change_id := split_part(held, '|', 1)::bigint;
        -- Not as a date: how dates are written may change between two statements.
        known := ssmd.of_micros(split_part(held, '|', 2)::bigint);
        RETURN;
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the security master is written at isolation level read committed only'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'An older snapshot would not see the last stamp, and knowledge could go back in time.';
    END IF;
    PERFORM pg_advisory_xact_lock(1397968196, ssmd.lock_key(v));
    SELECT max(known_at) INTO last FROM ssmd.change_set WHERE venue = v;
    IF last IS NULL THEN
        -- Nobody can see yet that there is such a venue: who seals waits for newcomers by this lock.
        PERFORM pg_advisory_xact_lock(1397968197, 0);
    END IF;
    SELECT ssmd.of_micros(last_value) INTO sealed FROM ssmd.asked;
    known := greatest(clock_timestamp(), last, sealed) + interval '1 microsecond';
    INSERT INTO ssmd.change_set (venue, known_at, source)
        VALUES (v, known, coalesce(nullif(current_setting('ssmd.source', true), ''), 'sql:' || session_user))
        RETURNING id INTO change_id;
    PERFORM set_config(name, change_id || '|' || ssmd.micros(known), true);
END $$;

-- Refuses a time of knowledge that has not come, and waits for whoever has stamped but not committed:
-- what is answered for a time is answered for ever. Whoever stamps after the refusal was passed stamps a later
-- time; so the locks need not be held, and a reader who goes to lunch keeps nobody from writing.
CREATE FUNCTION ssmd.seal(known_at timestamptz) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v text;
BEGIN
    IF known_at > clock_timestamp() THEN
        RAISE EXCEPTION 'nobody knows yet what will be known at %', known_at
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Ask for a time of knowledge that has passed.';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' OR pg_is_in_recovery()
       OR current_setting('transaction_read_only') = 'on' THEN
        RAISE EXCEPTION 'what was known is asked at isolation level read committed, not read-only, and not of a standby'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'An older snapshot misses what was stamped before the question; and what was asked is noted.';
    END IF;
    BEGIN
        -- Said before the locks are waited for: whoever stamps after them stamps a later time, wherever the
        -- clock has been set meanwhile.
        IF known_at > 'epoch' AND ssmd.micros(known_at) > (SELECT last_value FROM ssmd.asked) THEN
            PERFORM pg_advisory_xact_lock(1397968198, 0);
            PERFORM setval('ssmd.asked', greatest(last_value, ssmd.micros(known_at))) FROM ssmd.asked;
        END IF;
        PERFORM pg_advisory_xact_lock_shared(1397968197, 0);
        FOR v IN WITH RECURSIVE each (venue) AS (  -- DISTINCT would read every change there ever was
                SELECT min(venue) FROM ssmd.change_set
                UNION ALL
                SELECT (SELECT min(c.venue) FROM ssmd.change_set c WHERE c.venue > each.venue)
                FROM each WHERE each.venue IS NOT NULL
            ) SELECT each.venue FROM each WHERE each.venue IS NOT NULL LOOP
            PERFORM pg_advisory_xact_lock_shared(1397968196, ssmd.lock_key(v));
        END LOOP;
        RAISE SQLSTATE 'SSMD0';
    EXCEPTION
        WHEN SQLSTATE 'SSMD0' THEN
            NULL;  -- what a block locked is given back when the block is undone
    END;
END $$;

-- Before a row of a versioned table is written: nothing is written that changes nothing; the rest is stamped.
-- A writer who knows since when it is so says so in told_from, which is never kept.
CREATE FUNCTION ssmd.stamp() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told timestamptz := NEW.told_from;
    made record;
BEGIN
    NEW.told_from := NULL;
    IF TG_OP = 'UPDATE' THEN
        NEW.valid_from := OLD.valid_from;
        NEW.known_from := OLD.known_from;
        NEW.change_id := OLD.change_id;
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NULL;
        END IF;
        IF NEW.id <> OLD.id OR NEW.venue <> OLD.venue THEN
            RAISE EXCEPTION 'id and venue of a row of % never change', TG_TABLE_NAME;
        END IF;
    END IF;
    SELECT * INTO made FROM ssmd.change(NEW.venue);
    NEW.known_from := made.known;
    NEW.change_id := made.change_id;
    NEW.valid_from := least(coalesce(told, made.known), made.known);
    RETURN NEW;
END $$;
