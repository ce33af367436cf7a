-- Two slots instead of four: beside 16 busy writers each try-lock costs a transaction about two percent, and
-- most databases have one rowcast server, or two while one takes over from the other.

-- +goose Up

-- set_slots(n) makes room for n servers by the bell, 1 to 4, and replaces ring() with one that tries as many
-- keys; further servers go by the clock. Only the owner of the functions may. Servers that run look for a
-- slot again within seconds. It fails where a slot that ring() would no longer try is in use.
--
-- Writers that began before run the ring() of before, and try fewer keys perhaps: who takes a slot above the
-- second waits for all transactions of that moment before it arms.
-- +goose StatementBegin
CREATE FUNCTION rowcast.set_slots(n pg_catalog.int4) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $set_slots$
DECLARE
    tries pg_catalog.text;
BEGIN
    IF n IS NULL OR n OPERATOR(pg_catalog.<) 1 OR n OPERATOR(pg_catalog.>) 4 THEN
        RAISE EXCEPTION 'rowcast.set_slots: 1 to 4, not %', n;
    END IF;
    FOR slot IN n OPERATOR(pg_catalog.+) 1 .. 4 LOOP
        -- Held to the end of this transaction: nobody takes a slot that is going.
        IF NOT pg_catalog.pg_try_advisory_xact_lock((slot::pg_catalog.int8 OPERATOR(pg_catalog.<<) 56)
                                                    OPERATOR(pg_catalog.|) 32210705904137076::pg_catalog.int8) THEN
            RAISE EXCEPTION 'rowcast.set_slots: a rowcast server uses slot %', slot
                USING HINT = 'Stop servers until there are no more than the slots that are to be left.';
        END IF;
    END LOOP;
    SELECT pg_catalog.string_agg(pg_catalog.format(
        'pg_catalog.pg_try_advisory_xact_lock_shared(%s::pg_catalog.int8 OPERATOR(pg_catalog.+) bell)',
        slot::pg_catalog.int8 OPERATOR(pg_catalog.<<) 56), E'\n           AND ' ORDER BY slot)
    INTO STRICT tries
    FROM pg_catalog.generate_series(1, n) AS s(slot);

    -- ring() is the one trigger function. Its argument is the table's bell number. It never makes a write
    -- fail, wait or leak: it reads no rows, only tries locks, and swallows every error but a cancellation.
    -- STABLE spares each statement a snapshot that nothing in it would look at.
    EXECUTE pg_catalog.replace($create$
CREATE OR REPLACE FUNCTION rowcast.ring() RETURNS trigger
LANGUAGE plpgsql STABLE SECURITY INVOKER
AS $ring$
DECLARE
    bell pg_catalog.int8;
BEGIN
    -- All slots got: nobody is armed. The locks stay to the end of this transaction, and whoever
    -- arms meanwhile waits for it. An error counts as not got, and gives back what the block had taken.
    BEGIN
        bell := tg_argv[0]::pg_catalog.int8;
        IF {tries}
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
$ring$
$create$, '{tries}', tries);

    EXECUTE pg_catalog.format($create$
CREATE OR REPLACE FUNCTION rowcast.slots() RETURNS pg_catalog.int4
LANGUAGE sql STABLE SECURITY INVOKER
AS 'SELECT %s'
$create$, n);
END
$set_slots$;
-- +goose StatementEnd

SELECT rowcast.set_slots(2);

-- Servers that know only the first version would take slots that ring() no longer tries.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION rowcast.version() RETURNS pg_catalog.int4
LANGUAGE sql STABLE SECURITY INVOKER
AS $version$ SELECT 2 $version$;
-- +goose StatementEnd

GRANT EXECUTE ON FUNCTION rowcast.slots() TO PUBLIC;
