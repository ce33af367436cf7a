package live

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/delta"
)

// explain turns an error of a query into what its viewers are told.
func (s *session) explain(err error) *delta.Error {
	if isTooLarge(err) {
		return &delta.Error{Code: "too_large", Message: "the result is larger than " + size(s.cfg.MaxBytes) +
			"; select fewer or shorter columns, or set a lower limit"}
	}
	var pg *pgconn.PgError
	var bug *panicked
	switch {
	case errors.As(err, &pg):
	case errors.As(err, &bug):
		return &delta.Error{Code: "internal", Message: "internal error"}
	default:
		return &delta.Error{Code: "internal", Message: "the connection to the database breaks while this is read"}
	}
	switch pg.Code {
	case "57014":
		return &delta.Error{Code: "timeout", Message: "the query took longer than " + seconds(s.statement)}
	case transactionTimeout:
		return &delta.Error{Code: "timeout", Message: "the queries read with it took too long together"}
	case lockNotAvailable:
		return &delta.Error{Code: "timeout", Message: "a table of this panel is locked by another transaction"}
	case "42P01":
		return &delta.Error{Code: "table_gone", Message: pg.Message}
	case "42501":
		return &delta.Error{Code: "forbidden", Message: pg.Message}
	}
	if broken(err) {
		return &delta.Error{Code: "internal", Message: "the query ends its database session"}
	}
	return &delta.Error{Code: "query_failed", Message: pg.Message}
}

// explainQuery explains an error and adds what helps whoever wrote the query:
// PostgreSQL's hint, the place in the query's text, the statement that grants
// what is missing. Pages that are not candid leave that out. before is how much
// stood before the query in the text that failed.
func (s *session) explainQuery(ctx context.Context, q query, err error, before int) *delta.Error {
	e := s.explain(err)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || e.Code == "timeout" || e.Code == "internal" {
		if e.Code == "timeout" && pg.Code == "57014" {
			e.Hint = tooSlow
		}
		return e
	}
	e.Hint = pg.Hint
	if outdated(err) { // however often it is prepared
		e.Message = "where this query runs, its tables are others than where it was prepared"
		e.Hint = "Another role, or a search_path that is changed, finds other tables by the same names: write them with their schema"
	}
	e.Position = max(0, int(pg.Position)-before)
	if e.Code == "forbidden" && q.as == "" { // else it is another role that lacks it
		e.Fix = s.grant(ctx, q, pg.Message, e.Position)
	}
	return e
}

// discreet is what those are told of an error who may not see queries. PostgreSQL's
// own words are left out: they name what a query reads, and quote values that it may
// never have been meant to show.
func discreet(e *delta.Error) *delta.Error {
	told := &delta.Error{Code: e.Code, Message: e.Message}
	switch e.Code {
	case "query_failed":
		told.Message = "the query of this panel fails; whoever may see queries is told why"
	case "forbidden":
		told.Message = "the database does not show what this panel asks for; whoever may see queries is told why"
	case "table_gone":
		told.Message = "a table that this panel reads is not there"
	}
	return told
}

// tooSlow is what can be done about a query that is.
const tooSlow = "EXPLAIN (ANALYZE) tells where its time goes: an index may help, or fewer rows. With every: it is read less often, with --panel-timeout it may take longer"

// unwrapped moves the place of an error in a wrapped query to where it is in
// the query itself.
func unwrapped(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Position == 0 {
		return err
	}
	moved := *pg
	moved.Position = max(0, pg.Position-int32(len(wrapper)))
	return &moved
}

// locate turns a place in a panel's statement into places in its query as it
// was written and in its file; where PostgreSQL names none, the query stands
// there as a whole. The error may belong to other panels too.
func (it item) locate(e *delta.Error) *delta.Error {
	at, pos := 0, it.def.Pos
	switch {
	case e.Position > 0:
		at, pos = it.def.Place(e.Position)
	case e.Code == "internal" || e.Code == "timeout" && e.Hint == "":
		return e // none of the query's own
	}
	located := *e
	located.Position, located.Line, located.Column = at, pos.Line, pos.Column
	return &located
}

// denied finds what PostgreSQL says may not be used.
var denied = regexp.MustCompile(`^permission denied for (table|view|materialized view|foreign table|schema|function) (.+)$`)

// What would grant the missing right, by what it is missing for. Only a single
// candidate is proposed: one that is named wrongly would open too much.
const (
	grantTable = `WITH denied AS (
	SELECT n.nspname, c.relname, pg_catalog.pg_table_is_visible(c.oid) AS visible,
		pg_catalog.strpos($2, n.nspname || '.' || c.relname) + pg_catalog.strpos($2, pg_catalog.format('%I.%I', n.nspname, c.relname))
			+ pg_catalog.strpos($2, '"' || pg_catalog.replace(n.nspname, '"', '""') || '"."' || pg_catalog.replace(c.relname, '"', '""') || '"') > 0 AS named
	FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT pg_catalog.has_table_privilege(c.oid, 'SELECT'))
SELECT pg_catalog.format('GRANT SELECT ON %I.%I TO %I;', nspname, relname, current_user)
FROM denied WHERE named OR visible AND NOT EXISTS (SELECT FROM denied WHERE named)`
	// And of what stands where PostgreSQL stopped: it would be missed next.
	grantSchema = `SELECT pg_catalog.format('GRANT USAGE ON SCHEMA %I TO %I;', n.nspname, current_user) || COALESCE((
	SELECT pg_catalog.format(E'\nGRANT SELECT ON %s TO %I;', t.name, current_user)
	FROM (SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name FROM pg_catalog.pg_class c
		WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')) t
	WHERE pg_catalog.starts_with(CASE WHEN pg_catalog.strpos(t.name, '"') = 0 THEN pg_catalog.lower($3) ELSE $3 END, t.name)
		AND pg_catalog.substr($3, pg_catalog.length(t.name) + 1, 1) !~ '[[:alnum:]_$]' AND NOT pg_catalog.has_table_privilege(t.oid, 'SELECT')), '')
FROM pg_catalog.pg_namespace n WHERE n.nspname = $1 AND $2 <> '' AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')`
	grantFunction = `SELECT pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I;', p.oid::pg_catalog.regprocedure, current_user)
FROM pg_catalog.pg_proc p WHERE p.proname = $1 AND $2 <> '' AND NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')`
)

// grant is what gives this role the right that a query lacks at a position;
// "" where that cannot be told for certain.
func (s *session) grant(ctx context.Context, q query, message string, position int) string {
	what := denied.FindStringSubmatch(message)
	if what == nil || s.conn == nil || s.conn.IsClosed() {
		return ""
	}
	ask, params := grantTable, [][]byte{[]byte(what[2]), []byte(q.sql)}
	switch what[1] {
	case "schema":
		ask, params = grantSchema, append(params, []byte(from(q.sql, position)))
	case "function":
		ask = grantFunction
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	res := s.conn.PgConn().ExecParams(ctx, ask, params, nil, nil, nil).Read()
	if res.Err != nil || len(res.Rows) != 1 {
		return ""
	}
	return string(res.Rows[0][0])
}

// from is the text from a character on, which count from 1; "" for none.
func from(text string, position int) string {
	for i := range text {
		if position--; position == 0 {
			return text[i:]
		}
	}
	return ""
}

func size(bytes int) string {
	if bytes >= 1<<20 {
		return strconv.Itoa(bytes>>20) + " MB"
	}
	return strconv.Itoa(bytes) + " bytes"
}

// seconds is a limit as people read it: "5 s".
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}
