package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

func lookRole(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	more, err := greatestPower(ctx, conn)
	if more == (power{}) || err != nil {
		return finding{good: true, what: fmt.Sprintf("role %s owns no table, bypasses nothing and reaches nothing else", db.config.User)}, err
	}
	return finding{good: true, note: true, what: fmt.Sprintf("role %s %s: fine on loopback, refused beyond it", db.config.User, more),
		sql: more.mend(ctx, db, conn)}, nil
}

// lookSight looks for what the role is shown of others' work: it is for monitoring, and
// what applications ask the database is on view with it.
func lookSight(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	names, err := listed(ctx, conn, `SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r
		WHERE r.rolname IN ('pg_monitor', 'pg_read_all_stats', 'pg_read_all_settings') AND EXISTS (
			SELECT FROM pg_catalog.pg_roles s WHERE s.rolname IN (current_user, session_user, $1) AND NOT s.rolsuper AND pg_catalog.pg_has_role(s.oid, r.oid, 'MEMBER'))
		ORDER BY 1`, db.config.User)
	if len(names) == 0 || err != nil {
		return finding{good: true, what: "the role does not see what other sessions ask"}, err
	}
	f := finding{good: true, note: true, what: "the role may see, as a member of " + some(names) + ", what other sessions ask, with the values in it, or settings that only superusers see: a panel may show them"}
	var mend []string
	for _, name := range names {
		ways, err := listed(ctx, conn, waysSQL, db.config.User, name)
		if err != nil {
			return finding{}, err
		}
		mend = append(mend, ways...)
	}
	slices.Sort(mend)
	f.sql = strings.Join(slices.Compact(mend), "\n")
	return f, nil
}

// writableSQL lists what was granted to the role, to everybody, or to a role that it
// may become, beyond reading: the table, whom it was granted, and by what statement
// that ends. $1 is who logged in.
const writableSQL = `WITH session AS (
	SELECT oid, rolname FROM pg_catalog.pg_roles WHERE rolname IN (current_user, session_user, $1)
), granted AS (
	SELECT c.oid, c.relnamespace, c.relname, acl.grantee
	FROM pg_catalog.pg_class c CROSS JOIN LATERAL (
		SELECT a.grantee, a.privilege_type FROM pg_catalog.aclexplode(c.relacl) a
		UNION ALL SELECT a.grantee, a.privilege_type FROM pg_catalog.pg_attribute t, pg_catalog.aclexplode(t.attacl) a WHERE t.attrelid = c.oid
	) acl
	WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND acl.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
)
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(g.relname), CASE
	WHEN g.grantee = 0 OR g.grantee = s.oid THEN pg_catalog.format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA %I FROM %s;',
		n.nspname, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(s.rolname) END)
	ELSE (SELECT pg_catalog.string_agg(pg_catalog.format('REVOKE %I FROM %I;', r.rolname, s.rolname), E'\n' ORDER BY r.rolname)
		FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
		WHERE m.member = s.oid AND pg_catalog.pg_has_role(m.roleid, g.grantee, 'MEMBER')) END
FROM granted g JOIN pg_catalog.pg_namespace n ON n.oid = g.relnamespace CROSS JOIN session s JOIN pg_catalog.pg_class c ON c.oid = g.oid
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'rowcast') AND NOT pg_catalog.pg_has_role(s.oid, c.relowner, 'MEMBER')
	AND (g.grantee = 0 OR pg_catalog.pg_has_role(s.oid, g.grantee, 'MEMBER'))
ORDER BY 1, 2`

// lookWrites looks for what the role may change. Panels run in transactions
// that only read, but the role is the wall that holds.
func lookWrites(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	rows, err := conn.Query(ctx, writableSQL, db.config.User)
	if err != nil {
		return finding{}, err
	}
	var tables, mend []string
	var table, sql string
	_, err = pgx.ForEachRow(rows, []any{&table, &sql}, func() error {
		tables, mend = append(tables, table), append(mend, sql)
		return nil
	})
	slices.Sort(mend)
	if tables = slices.Compact(tables); len(tables) == 0 || err != nil {
		return finding{good: true, what: "the role may change no table of others"}, err
	}
	return finding{good: true, note: true, sql: strings.Join(slices.Compact(mend), "\n"),
		what: fmt.Sprintf("the role may change %d tables of others, such as %s: that its transactions only read is all that keeps a panel from it", len(tables), tables[0])}, nil
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
		f.sql += "ALTER TABLE " + name + " FORCE ROW LEVEL SECURITY;\n"
	}
	return f, nil
}

// pastSQL lists the views of a kind, $1, that can be read and lead to tables with
// policies, without asking who reads; what is the role's own to fill is no way past.
const pastSQL = `WITH RECURSIVE reads AS (
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
WHERE pg_catalog.has_table_privilege(v.oid, 'SELECT') AND (v.relkind = 'v' OR NOT pg_catalog.pg_has_role(v.relowner, 'MEMBER')) AND NOT EXISTS (SELECT FROM pg_catalog.pg_options_to_table(v.reloptions)
	WHERE option_name = 'security_invoker' AND option_value::pg_catalog.bool)
ORDER BY 1`

// unreadSQL is what takes from the role the right to read a relation, $1: from
// whomever it was granted to.
const unreadSQL = `SELECT DISTINCT pg_catalog.format('REVOKE SELECT ON %s FROM %s;', $1::pg_catalog.text, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END)
FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
WHERE c.oid = $1::pg_catalog.regclass AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner
	AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE'))
ORDER BY 1`

// lookViews looks for views through which a policy is passed by: they read with
// their owner's rights, or hold what was read so.
func lookViews(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	views, err := listed(ctx, conn, pastSQL, "v")
	if err != nil {
		return finding{}, err
	}
	copies, err := listed(ctx, conn, pastSQL, "m")
	if len(views)+len(copies) == 0 || err != nil {
		return finding{good: true, what: "no view leads past row-level security"}, err
	}
	f := finding{what: "who reads " + some(slices.Concat(views, copies)) + " sees rows past row-level security, with the view's owner's rights"}
	var number int
	if err := conn.QueryRow(ctx, `SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4`).Scan(&number); err != nil {
		return finding{}, err
	}
	if number < 150000 { // which have no such option
		views, copies = nil, slices.Concat(views, copies)
	}
	for _, name := range views {
		f.sql += "ALTER VIEW " + name + " SET (security_invoker = true);\n"
	}
	for _, name := range copies {
		unread, err := listed(ctx, conn, unreadSQL, name)
		if err != nil {
			return finding{}, err
		}
		if f.sql += strings.Join(append(unread, ""), "\n"); len(unread) == 0 {
			f.do = "what this role may read by owning it, or by a role that reads everything, no statement about it takes away"
		}
	}
	return f, nil
}

// definersSQL lists the functions that the role may call and that run with the rights
// of an owner whom it may not become, where any table has policies; and by what
// statements it no longer may.
const definersSQL = `SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text, coalesce((
	SELECT pg_catalog.string_agg(pg_catalog.format('REVOKE EXECUTE ON FUNCTION %s FROM %s;', p.oid::pg_catalog.regprocedure,
		CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END), E'\n' ORDER BY a.grantee)
	FROM pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
	WHERE a.grantee <> p.proowner AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE'))), '')
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND p.prokind = 'f' AND p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype AND n.nspname NOT IN ('pg_catalog', 'information_schema')
	AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE') AND NOT pg_catalog.pg_has_role(p.proowner, 'MEMBER')
	AND EXISTS (SELECT FROM pg_catalog.pg_class WHERE relrowsecurity)
ORDER BY 1`

// lookFunctions looks for functions that may lead past a policy as such views do. What
// they read is not known, so it is for who knows to judge.
func lookFunctions(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	rows, err := conn.Query(ctx, definersSQL)
	if err != nil {
		return finding{}, err
	}
	var names, mend []string
	var name, sql string
	_, err = pgx.ForEachRow(rows, []any{&name, &sql}, func() error {
		names, mend = append(names, name), append(mend, sql)
		return nil
	})
	if len(names) == 0 || err != nil {
		return finding{good: true, what: "no function leads past row-level security"}, err
	}
	return finding{good: true, note: true, sql: strings.Join(mend, "\n"),
		what: "who calls " + some(names) + " reads with the function's owner's rights, and perhaps rows past row-level security"}, nil
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
