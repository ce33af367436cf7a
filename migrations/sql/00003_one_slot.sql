-- One slot to begin with: what a second one costs every writer, two to three percent of a small transaction
-- beside 16 others, most databases would pay for nobody. A server that finds no slot makes one more where it may.

-- +goose Up

-- A second server that runs meanwhile keeps its slot.
-- +goose StatementBegin
DO $$
BEGIN
    PERFORM rowcast.set_slots(1);
EXCEPTION WHEN raise_exception THEN
    NULL;
END
$$;
-- +goose StatementEnd

-- Servers that know the second version take the second slot without waiting for writers who did not try it.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION rowcast.version() RETURNS pg_catalog.int4
LANGUAGE sql STABLE SECURITY INVOKER
AS $version$ SELECT 3 $version$;
-- +goose StatementEnd
