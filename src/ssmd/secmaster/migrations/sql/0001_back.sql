-- Takes all of it away, and leaves what Alembic keeps.
DO $$
DECLARE
    name text;
BEGIN
    DROP PUBLICATION ssmd;
    FOREACH name IN ARRAY ARRAY(SELECT c.oid::regclass::text FROM pg_class c
            WHERE c.relnamespace = 'ssmd'::regnamespace AND c.relkind = 'r' AND c.relname <> 'schema_revision') LOOP
        EXECUTE format('DROP TABLE %s CASCADE', name);
    END LOOP;
    DROP TYPE ssmd.textrange;
    DROP SEQUENCE ssmd.asked;
    FOREACH name IN ARRAY ARRAY(SELECT p.oid::regprocedure::text FROM pg_proc p
                                WHERE p.pronamespace = 'ssmd'::regnamespace) LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', name);  -- some go with others
    END LOOP;
END $$;
