package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

func lookRole(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	more, err := greatestPower(ctx, conn)
	if more == (power{}) || err != nil {
		return finding{good: true, what: fmt.Sprintf("role %s owns no table, bypasses nothing and reaches nothing else", db.config.User)}, err
	}
	return finding{good: true, note: true, what: fmt.Sprintf("role %s %s: fine on loopback, refused beyond it", db.config.User, more),
		mend: more.mend(ctx, db, conn)}, nil
}

// lookWrites looks for what the role may change. Panels run in transactions
// that only read, but the role is the wall that holds.
func lookWrites(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	var n int
	var example *string
	err := conn.QueryRow(ctx, `SELECT pg_catalog.count(*)::pg_catalog.int4, pg_catalog.min(pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname))
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rowcast') AND c.relpersistence <> 't'
		  AND NOT pg_catalog.pg_has_role(c.relowner, 'MEMBER')
		  AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(r.oid, 'MEMBER')
			AND pg_catalog.has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))`).Scan(&n, &example)
	if n == 0 || err != nil {
		return finding{good: true, what: "the role may change no table of others"}, err
	}
	return finding{good: true, note: true, what: fmt.Sprintf("the role may change %d tables of others, such as %s", n, *example),
		mend: fmt.Sprintf("REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA %s FROM %s;",
			schemasOf(ctx, conn), pgx.Identifier{db.config.User}.Sanitize())}, nil
}

// lookRowSecurity looks for tables whose policies do not hold for their owner.
func lookRowSecurity(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	names, err := listed(ctx, conn, `SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND NOT c.relforcerowsecurity AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
		ORDER BY 1`)
	if len(names) == 0 || err != nil {
		return finding{good: true, what: "row-level security holds for this role wherever it is on"}, err
	}
	f := finding{good: true, note: true, what: "row-level security does not hold for this role on " + some(names) + ": it owns them"}
	for _, name := range names {
		f.mend += "ALTER TABLE " + name + " FORCE ROW LEVEL SECURITY;\n"
	}
	return f, nil
}

// lookViews looks for views through which a policy is passed by: they read with
// their owner's rights, or hold what was read so.
func lookViews(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	read := func(kind string) ([]string, error) {
		return listed(ctx, conn, `WITH RECURSIVE reads AS (
			SELECT r.ev_class AS view, d.refobjid AS of FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d
				ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
				AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> r.ev_class
		), through AS (
			SELECT view, of FROM reads UNION SELECT t.view, r.of FROM through t JOIN reads r ON r.view = t.of
		)
		SELECT DISTINCT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(v.relname)
		FROM through t JOIN pg_catalog.pg_class v ON v.oid = t.view AND v.relkind = $1
		JOIN pg_catalog.pg_class c ON c.oid = t.of AND c.relrowsecurity
		JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
		WHERE pg_catalog.has_table_privilege(v.oid, 'SELECT') AND NOT EXISTS (SELECT FROM pg_catalog.pg_options_to_table(v.reloptions)
			WHERE option_name = 'security_invoker' AND option_value::pg_catalog.bool)
		ORDER BY 1`, kind)
	}
	views, err := read("v")
	if err != nil {
		return finding{}, err
	}
	copies, err := read("m")
	if len(views)+len(copies) == 0 || err != nil {
		return finding{good: true, what: "no view leads past row-level security"}, err
	}
	f := finding{what: "who reads " + some(append(views, copies...)) + " sees rows past row-level security, with the view's owner's rights"}
	for _, name := range views {
		f.mend += "ALTER VIEW " + name + " SET (security_invoker = true);  -- PostgreSQL 15 and later\n"
	}
	for _, name := range copies {
		f.mend += "REVOKE SELECT ON " + name + " FROM " + pgx.Identifier{db.config.User}.Sanitize() + ";  -- a materialized view holds every row\n"
	}
	return f, nil
}

// listed is a query's only column.
func listed(ctx context.Context, conn *pgx.Conn, sql string, args ...any) ([]string, error) {
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// few is how many names are told one by one.
const few = 5

// some are the first of many names.
func some(names []string) string {
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
