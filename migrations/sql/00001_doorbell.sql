-- The doorbell: writers ring only while a server sleeps by the bell.
--
-- Keys are advisory locks (bigint): slot << 56 | bell, slots 1 to 4, bell numbers below 2^56.
--   slot << 56 | 32210705904137076  the key that owns a slot ("rowcast" in ASCII is the reserved bell)
--   5    << 56 | 32210705904137076  the mute key
--
-- All functions run with the caller's rights, and nothing in them can be redirected by a search_path:
-- every function, operator and type is named with its schema.

-- +goose Up

-- ring() is the one trigger function. Its argument is the table's bell number. It never makes a write
-- fail, wait or leak: it reads no rows, only tries locks, and swallows every error but a cancellation.
-- It must never change while a server is armed: see rowcast.version().
-- +goose StatementBegin
CREATE FUNCTION rowcast.ring() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $ring$
DECLARE
    bell pg_catalog.int8;
BEGIN
    -- All four slots got: nobody is armed. The locks stay to the end of this transaction, and whoever
    -- arms meanwhile waits for it. An error counts as not got, and gives back what the block had taken.
    BEGIN
        bell := tg_argv[0]::pg_catalog.int8;
        IF pg_catalog.pg_try_advisory_xact_lock_shared(72057594037927936::pg_catalog.int8 OPERATOR(pg_catalog.+) bell)
           AND pg_catalog.pg_try_advisory_xact_lock_shared(144115188075855872::pg_catalog.int8 OPERATOR(pg_catalog.+) bell)
           AND pg_catalog.pg_try_advisory_xact_lock_shared(216172782113783808::pg_catalog.int8 OPERATOR(pg_catalog.+) bell)
           AND pg_catalog.pg_try_advisory_xact_lock_shared(288230376151711744::pg_catalog.int8 OPERATOR(pg_catalog.+) bell)
        THEN
            RETURN NULL;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        NULL;
    END;
    -- Somebody sleeps: ring. A queue that is half full would in the end refuse the user's commit, so
    -- above that the writer leaves the mute key behind instead; servers wait for it before they are live.
    BEGIN
        IF pg_catalog.pg_notification_queue_usage() OPERATOR(pg_catalog.>) 0.5::pg_catalog.float8 THEN
            -- Two IFs: rights are checked for a whole expression, also for what it does not come to call.
            IF pg_catalog.pg_try_advisory_xact_lock_shared(392498676093776756::pg_catalog.int8) THEN
                RETURN NULL;
            END IF;
        END IF;
        PERFORM pg_catalog.pg_notify('rowcast'::pg_catalog.text, tg_argv[0]);
    EXCEPTION WHEN OTHERS THEN
        BEGIN
            PERFORM pg_catalog.pg_try_advisory_xact_lock_shared(392498676093776756::pg_catalog.int8);
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END;
    RETURN NULL;
END
$ring$;
-- +goose StatementEnd

-- held(keys) says which of the keys this session really holds exclusively. PL/pgSQL keeps its plan; a
-- function in SQL would be planned at every call.
-- +goose StatementBegin
CREATE FUNCTION rowcast.held(keys pg_catalog.int8[]) RETURNS pg_catalog.int8[]
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $held$
BEGIN
    RETURN (SELECT COALESCE(pg_catalog.array_agg(wanted.key), ARRAY[]::pg_catalog.int8[])
    FROM pg_catalog.unnest(keys) AS wanted(key)
    WHERE EXISTS (
        SELECT FROM pg_catalog.pg_locks AS l
        WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory'::pg_catalog.text
          AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
          AND l.mode OPERATOR(pg_catalog.=) 'ExclusiveLock'::pg_catalog.text
          AND l.granted
          AND l.objsubid OPERATOR(pg_catalog.=) 1::pg_catalog.int2
          AND l.classid OPERATOR(pg_catalog.=)
              (wanted.key OPERATOR(pg_catalog.>>) 32)::pg_catalog.oid
          AND l.objid OPERATOR(pg_catalog.=)
              (wanted.key OPERATOR(pg_catalog.&) 4294967295::pg_catalog.int8)::pg_catalog.oid));
END
$held$;
-- +goose StatementEnd

-- arm(keys, wait_ms) takes the exclusive locks on keys for this session and returns those it really
-- holds. Keys that are free are taken first, without a wait; the others are queued for one after the
-- other, wait_ms in all; 0 never waits. A timeout can report failure although the lock was granted, so
-- for those keys pg_locks is asked. Never ask for a key that the session may already hold.
-- +goose StatementBegin
CREATE FUNCTION rowcast.arm(keys pg_catalog.int8[], wait_ms pg_catalog.int4) RETURNS pg_catalog.int8[]
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $arm$
DECLARE
    key pg_catalog.int8;
    got pg_catalog.int8[] := ARRAY[]::pg_catalog.int8[];
    busy pg_catalog.int8[] := ARRAY[]::pg_catalog.int8[];
    doubtful pg_catalog.int8[] := ARRAY[]::pg_catalog.int8[];
    left_ms pg_catalog.int4;
    until pg_catalog.timestamptz := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+)
        pg_catalog.make_interval(secs => wait_ms::pg_catalog.float8 OPERATOR(pg_catalog./) 1000::pg_catalog.float8);
BEGIN
    FOREACH key IN ARRAY keys LOOP
        IF pg_catalog.pg_try_advisory_lock(key) THEN
            got := pg_catalog.array_append(got, key);
        ELSE
            busy := pg_catalog.array_append(busy, key);
        END IF;
    END LOOP;
    IF wait_ms OPERATOR(pg_catalog.>) 0 THEN
        FOREACH key IN ARRAY busy LOOP
            left_ms := pg_catalog.ceil(pg_catalog.date_part('epoch'::pg_catalog.text,
                until OPERATOR(pg_catalog.-) pg_catalog.clock_timestamp())
                OPERATOR(pg_catalog.*) 1000::pg_catalog.float8)::pg_catalog.int4;
            EXIT WHEN left_ms OPERATOR(pg_catalog.<) 1;  -- 0 would mean no timeout at all
            PERFORM pg_catalog.set_config('lock_timeout'::pg_catalog.text, left_ms::pg_catalog.text, true);
            BEGIN
                PERFORM pg_catalog.pg_advisory_lock(key);
                got := pg_catalog.array_append(got, key);
            EXCEPTION WHEN lock_not_available THEN
                doubtful := pg_catalog.array_append(doubtful, key);
            END;
        END LOOP;
    END IF;
    IF pg_catalog.cardinality(doubtful) OPERATOR(pg_catalog.>) 0 THEN
        got := pg_catalog.array_cat(got, rowcast.held(doubtful));
    END IF;
    RETURN got;
END
$arm$;
-- +goose StatementEnd

-- disarm(keys) gives the keys back, however often this session had taken them, and returns those that
-- it still holds: none.
-- +goose StatementBegin
CREATE FUNCTION rowcast.disarm(keys pg_catalog.int8[]) RETURNS pg_catalog.int8[]
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $disarm$
DECLARE
    key pg_catalog.int8;
    still pg_catalog.int8[] := keys;
BEGIN
    FOR attempt IN 1..8 LOOP
        FOREACH key IN ARRAY still LOOP
            PERFORM pg_catalog.pg_advisory_unlock(key);
        END LOOP;
        still := rowcast.held(still);
        EXIT WHEN pg_catalog.cardinality(still) OPERATOR(pg_catalog.=) 0;
    END LOOP;
    RETURN still;
END
$disarm$;
-- +goose StatementEnd

-- version() names the bell's protocol. A server that does not know it goes by the clock.
-- +goose StatementBegin
CREATE FUNCTION rowcast.version() RETURNS pg_catalog.int4
LANGUAGE sql STABLE SECURITY INVOKER
AS $version$ SELECT 1 $version$;
-- +goose StatementEnd

-- Writers need nothing for the trigger to fire; a role that puts it on a table needs EXECUTE on ring(),
-- a role that listens needs the others, and both must be able to see how far the schema is migrated.
GRANT USAGE ON SCHEMA rowcast TO PUBLIC;
GRANT EXECUTE ON FUNCTION rowcast.ring(), rowcast.held(pg_catalog.int8[]),
    rowcast.arm(pg_catalog.int8[], pg_catalog.int4), rowcast.disarm(pg_catalog.int8[]), rowcast.version() TO PUBLIC;
GRANT SELECT ON TABLE rowcast.goose_version TO PUBLIC;
COMMENT ON SCHEMA rowcast IS 'rowcast''s doorbell: remove it with "rowcast uninstall"';
