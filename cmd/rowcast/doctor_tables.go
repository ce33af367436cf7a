package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/internal/extended"
	"github.com/rowcast/rowcast/migrations"
)

func lookBells(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	tables, err := migrations.Status(ctx, conn)
	if err != nil {
		return finding{}, err
	}
	var torn, why []string
	for _, t := range tables {
		if !t.Whole() {
			torn = append(torn, readable(t))
			why = append(why, readable(t)+" ("+strings.Join(t.Missing, "; ")+")")
		}
	}
	if len(torn) == 0 {
		return finding{good: true, what: fmt.Sprintf("%d tables have the doorbell", len(tables))}, nil
	}
	return finding{what: "not every write rings the bell of " + some(why) + ": pages that read them go by the clock",
		do: watchCommandFor(torn)}, nil
}

// plain are names that need no quotes, except where SQL has a word of the kind, which
// patterns of tables do not have.
var plain = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// readable is a table's name as a pattern reads it, with as few quotes as may be.
func readable(t migrations.Table) string {
	name := func(s string) string {
		if plain.MatchString(s) {
			return s
		}
		return pgx.Identifier{s}.Sanitize()
	}
	return name(t.Schema) + "." + name(t.Name)
}

// watchCommandFor puts the bells on these tables, as a shell reads it.
func watchCommandFor(tables []string) string {
	quoted := make([]string, len(tables))
	for i, t := range tables {
		quoted[i] = "'" + strings.ReplaceAll(t, "'", `'\''`) + "'"
	}
	return "rowcast watch " + strings.Join(quoted, " ")
}

// bareTables lists the tables that can be read and have no bell at all, each
// with its partitions as one.
func bareTables(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	return listed(ctx, conn, `SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
		  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'rowcast')
		  AND (pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT'))
		  AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'rowcast_bell')
		ORDER BY 1`)
}

// lookBare looks for tables whose pages nobody rings for.
func lookBare(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	names, err := bareTables(ctx, conn)
	return bare("pages of", names), err
}

// lookShown looks for such tables among those that dashboards read.
func (c *doctorCommand) lookShown(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	names, err := bareTables(ctx, conn)
	if err != nil {
		return finding{}, err
	}
	config, done, err := c.folder(ctx, db)
	if err != nil {
		return finding{}, err
	}
	defer done()
	book, err := dashboard.Open(ctx, config)
	if err != nil {
		return finding{}, err
	}
	shown, err := tablesOf(ctx, book, conn, true)
	return bare("dashboards of", slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(shown, name) })), err
}

// bare is what is found where these tables have no bell.
func bare(what string, names []string) finding {
	if len(names) == 0 {
		return finding{good: true, what: what + " tables go by their doorbell"}
	}
	f := finding{good: true, note: true, what: fmt.Sprintf("%s %s go by the clock, every five seconds: no doorbell", what, some(names)),
		do: watchCommandFor(names)}
	if len(names) > few {
		f.do = watchCommandFor(schemasIn(names))
	}
	return f
}

// schemasIn are patterns for all tables of the schemas of these, whose names are
// quoted as SQL reads them.
func schemasIn(tables []string) (patterns []string) {
	for _, name := range tables {
		end := strings.IndexByte(name, '.')
		if name[0] == '"' {
			end = strings.Index(name, `".`) + 1
		}
		if all := name[:end] + ".*"; !slices.Contains(patterns, all) {
			patterns = append(patterns, all)
		}
	}
	return patterns
}

// lookSilent looks for what can be read and can never ring.
func lookSilent(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	names, err := listed(ctx, conn, `SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
		|| CASE c.relkind WHEN 'f' THEN ' (a foreign table)' ELSE ' (a materialized view)' END
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('f', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
		  AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
		ORDER BY 1`)
	if len(names) == 0 || err != nil {
		return finding{good: true, what: "every table that can be read can ring"}, err
	}
	return finding{good: true, note: true, what: "no trigger can ring for " + some(names) + ": pages that read them go by the clock",
		do: "nothing to do; every: in a panel says how often it is read"}, nil
}

// slowPanel is what a panel may take before it holds up others.
const slowPanel = 250 * time.Millisecond

// folder says where the dashboards and their database are, until done is called.
func (c *doctorCommand) folder(ctx context.Context, db *database) (config dashboard.Config, done func(), err error) {
	if _, err := os.Stat(c.Dashboards); err != nil {
		return config, nil, fmt.Errorf("read dashboards: %w", err)
	}
	pool, err := db.pool(ctx, "doctor", 1)
	if err != nil {
		return config, nil, err
	}
	return dashboard.Config{Dir: c.Dashboards, DB: pool, Bulk: pool}, pool.Close, nil
}

// lookDashboards tries the panels of every dashboard once.
func (c *doctorCommand) lookDashboards(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	config, done, err := c.folder(ctx, db)
	if err != nil {
		return finding{}, err
	}
	defer done()
	problems, err := dashboard.Check(ctx, config)
	if err != nil {
		return finding{}, err
	}
	f := finding{good: true}
	for _, p := range problems {
		f.good = f.good && p.Note
		f.do += p.String() + "\n"
	}
	if !f.good {
		f.what = "some dashboards have mistakes"
		return f, nil
	}
	book, err := dashboard.Open(ctx, config)
	if err != nil {
		return finding{}, err
	}
	index, err := book.Index(ctx)
	if err != nil {
		return finding{}, err
	}
	panels, boards := 0, 0
	for _, d := range index.Dashboards {
		page, err := book.Page(ctx, d.Address)
		if err != nil {
			return finding{}, err
		}
		if page.RunsAsViewer() { // by whose rights, and how fast, only they see
			f.note = true
			f.do += page.Slug + " runs as whoever looks at it, so its panels are not tried\n"
			continue
		}
		boards++
		for _, p := range page.Panels {
			if p.SQL == "" {
				continue
			}
			panels++
			if said := try(ctx, conn, p); said != "" {
				f.good = false
				f.do += fmt.Sprintf("%s, panel %s: %s\n", page.Slug, p.ID, said)
			}
		}
	}
	f.what = fmt.Sprintf("%d panels of %d dashboards answer within %d ms", panels, boards, slowPanel.Milliseconds())
	if !f.good {
		f.what = fmt.Sprintf("some panels take more than %d ms, so that they are read apart from their page, and less often", slowPanel.Milliseconds())
		f.do += "EXPLAIN ANALYZE says where the time goes; an index, or a narrower query, may mend it"
	}
	return f, nil
}

// try runs a panel's query twice, as the second viewer finds it, and says what
// is wrong; "" where nothing is.
func try(ctx context.Context, conn *pgx.Conn, p dashboard.Panel) string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	args := make([][]byte, len(p.Args))
	for i, a := range p.Args {
		if a != nil {
			args[i] = []byte(*a)
		}
	}
	var took time.Duration
	for range 2 {
		began := time.Now()
		if err := readOnly(ctx, conn, strings.TrimRight(p.SQL, "; \t\r\n"), args); err != nil {
			return short(err).Error()
		}
		took = time.Since(began)
	}
	if took > slowPanel {
		return took.Round(time.Millisecond).String()
	}
	return ""
}

func readOnly(ctx context.Context, conn *pgx.Conn, sql string, args [][]byte) (err error) {
	tx, err := extended.Begin(ctx, conn, extended.Snapshot)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback(context.WithoutCancel(ctx))) }()
	if err := extended.Exec(ctx, tx, `SET LOCAL statement_timeout = '5s'`); err != nil {
		return err
	}
	rows := conn.PgConn().ExecParams(ctx, sql, args, nil, nil, nil)
	for rows.NextRow() { // they are not looked at, and so not kept
	}
	_, err = rows.Close()
	return err
}
