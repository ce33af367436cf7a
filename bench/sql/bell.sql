-- One table for each way of hearing of a write, all alike, with a sequence each.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sales_none', 'sales_empty', 'sales_unwatched', 'sales_watched', 'sales_notify'] LOOP
        EXECUTE format('CREATE TABLE %I (id bigserial PRIMARY KEY, customer int NOT NULL, amount numeric NOT NULL,
            note text NOT NULL, at timestamptz NOT NULL DEFAULT now())', name);
    END LOOP;
END $$;

CREATE FUNCTION bench_empty() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION bench_notify() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('bench', tg_table_name); RETURN NULL; END $$;
CREATE TRIGGER bench AFTER INSERT OR UPDATE OR DELETE ON sales_empty FOR EACH STATEMENT EXECUTE FUNCTION bench_empty();
CREATE TRIGGER bench AFTER INSERT OR UPDATE OR DELETE ON sales_notify FOR EACH STATEMENT EXECUTE FUNCTION bench_notify();
