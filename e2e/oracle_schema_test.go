package e2e_test

import (
	"fmt"
	"strings"
)

// oracleSchema is two tables that are written together. acct holds values in
// groups; total holds what each writer has added to each group, so in every
// committed state the two agree. Each row that is written is also appended to a
// log, in the same transaction, with its transaction's number: the log tells
// what every snapshot must show.
const oracleSchema = `
CREATE TABLE acct (id int PRIMARY KEY, grp int NOT NULL, v bigint NOT NULL);
CREATE TABLE total (grp int, w int, n bigint NOT NULL, s bigint NOT NULL, PRIMARY KEY (grp, w));

CREATE SEQUENCE log_seq;
CREATE TABLE acct_log (seq bigint DEFAULT nextval('log_seq'), xid xid8 DEFAULT pg_current_xact_id(), op text,
	id int, grp int, v bigint);
CREATE TABLE total_log (seq bigint DEFAULT nextval('log_seq'), xid xid8 DEFAULT pg_current_xact_id(), op text,
	grp int, w int, n bigint, s bigint);

CREATE FUNCTION log_acct() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'TRUNCATE' THEN INSERT INTO acct_log (op) VALUES ('T');
	ELSIF TG_OP = 'DELETE' THEN INSERT INTO acct_log (op, id) VALUES ('D', OLD.id);
	ELSE INSERT INTO acct_log (op, id, grp, v) VALUES ('W', NEW.id, NEW.grp, NEW.v);
	END IF;
	RETURN NULL;
END $$;
CREATE FUNCTION log_total() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'TRUNCATE' THEN INSERT INTO total_log (op) VALUES ('T');
	ELSIF TG_OP = 'DELETE' THEN INSERT INTO total_log (op, grp, w) VALUES ('D', OLD.grp, OLD.w);
	ELSE INSERT INTO total_log (op, grp, w, n, s) VALUES ('W', NEW.grp, NEW.w, NEW.n, NEW.s);
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER log_rows AFTER INSERT OR UPDATE OR DELETE ON acct FOR EACH ROW EXECUTE FUNCTION log_acct();
CREATE TRIGGER log_all AFTER TRUNCATE ON acct FOR EACH STATEMENT EXECUTE FUNCTION log_acct();
CREATE TRIGGER log_rows AFTER INSERT OR UPDATE OR DELETE ON total FOR EACH ROW EXECUTE FUNCTION log_total();
CREATE TRIGGER log_all AFTER TRUNCATE ON total FOR EACH STATEMENT EXECUTE FUNCTION log_total();

INSERT INTO acct SELECT i, i % 6, 1000 FROM generate_series(1, 120) i;
INSERT INTO total SELECT grp, 0, count(*), sum(v) FROM acct GROUP BY grp;`

// shadowSchema hides the tables behind temporary ones, for one session.
const shadowSchema = `
SET jit = off; -- its costs are those of tables of many rows
CREATE TEMP TABLE acct (id int, grp int, v bigint);
CREATE TEMP TABLE total (grp int, w int, n bigint, s bigint);`

// What the tables held in a snapshot: of each row the last write that it shows,
// after the last TRUNCATE that it shows. Writers of one row come one after the
// other, so the log's order is theirs.
const shadowAcct = `
WITH seen AS (SELECT * FROM public.acct_log WHERE pg_visible_in_snapshot(xid, $1::text::pg_snapshot)),
last AS (SELECT DISTINCT ON (id) * FROM seen
	WHERE op <> 'T' AND seq > (SELECT coalesce(max(seq), 0) FROM seen WHERE op = 'T') ORDER BY id, seq DESC)
INSERT INTO pg_temp.acct SELECT id, grp, v FROM last WHERE op = 'W'`

const shadowTotal = `
WITH seen AS (SELECT * FROM public.total_log WHERE pg_visible_in_snapshot(xid, $1::text::pg_snapshot)),
last AS (SELECT DISTINCT ON (grp, w) * FROM seen
	WHERE op <> 'T' AND seq > (SELECT coalesce(max(seq), 0) FROM seen WHERE op = 'T') ORDER BY grp, w, seq DESC)
INSERT INTO pg_temp.total SELECT grp, w, n, s FROM last WHERE op = 'W'`

// question is one panel of the oracle's pages.
type question struct {
	id, query string
	set       bool // its rows have no order
	skip      int  // so many columns from the left are the snapshot's own
}

// cut names the snapshot that the frame was read in: it is read with the others.
var cut = question{id: "cut", skip: 1,
	query: `SELECT pg_current_snapshot()::text AS cut, (SELECT count(*) FROM acct) AS n, (SELECT sum(s) FROM total) AS s`}

// ballast never changes: it makes a snapshot heavier than the deltas that a slow
// viewer misses, so that it gets those, and not always a snapshot.
var ballast = question{id: "ballast", query: `SELECT i, repeat(md5(i::text), 100) AS pad FROM generate_series(1, 80) i ORDER BY i`}

// stormy are the panels of the page that is judged frame by frame.
func stormy() []question { return append([]question{cut, ballast}, questions...) }

// questions are on both tables, and some on one of them alone.
var questions = []question{
	{id: "accounts", query: `SELECT id, grp, v, repeat(md5(v::text), 30) AS pad FROM acct ORDER BY id`},
	{id: "totals", query: `SELECT grp, sum(n) AS n, sum(s) AS s FROM total GROUP BY grp ORDER BY grp`},
	{id: "sums", query: `SELECT grp, count(*) AS n, sum(v) AS s FROM acct GROUP BY grp ORDER BY grp`},
	{id: "richest", query: `SELECT id, v, row_number() OVER (ORDER BY v DESC, id) AS place FROM acct ORDER BY v DESC, id LIMIT 12`},
	{id: "digits", set: true, query: `SELECT v % 7 AS digit, count(*) AS n, max(id) AS last FROM acct GROUP BY 1`},
	{id: "shares", query: `SELECT a.id, a.v, t.s FROM acct a JOIN (SELECT grp, sum(s) AS s FROM total GROUP BY grp) t USING (grp) WHERE a.id % 5 = 0 ORDER BY a.id`},
	{id: "gap", query: `SELECT coalesce((SELECT sum(v) FROM acct), 0) - coalesce((SELECT sum(s) FROM total), 0) AS gap`},
}

func yaml(title string, panels ...question) string {
	var b strings.Builder
	fmt.Fprintf(&b, "title: %s\npanels:\n", title)
	for _, q := range panels {
		fmt.Fprintf(&b, "  - id: %s\n    type: table\n    query: %s\n", q.id, q.query)
	}
	return b.String()
}
