package dashboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/internal/extended"
)

// Check lists every mistake in the dashboards of cfg, by file and place, and
// notes on what is right but may surprise. Where cfg.DB is given, PostgreSQL
// prepares every query; nothing is run. The error is for a folder or a
// database that cannot be read at all; the problems found until then are valid.
func Check(ctx context.Context, cfg Config) ([]Problem, error) {
	b, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	problems := b.Problems()
	slugs := make([]string, 0, len(b.entries))
	for slug := range b.entries {
		slugs = append(slugs, slug)
	}
	slices.Sort(slugs)
	for _, slug := range slugs {
		e := b.entries[slug]
		if e.good == nil {
			continue
		}
		c := checker{db: cfg.DB, source: e.source}
		err = c.definition(ctx, e.good)
		problems = append(problems, c.problems...)
		if err != nil {
			break
		}
	}
	slices.SortStableFunc(problems, func(x, y Problem) int { return strings.Compare(x.File, y.File) })
	return problems, err
}

type checker struct {
	db       DB // nil: only notes
	source   string
	problems []Problem
}

func (c *checker) add(at Pos, note bool, hint, what string, args ...any) {
	c.problems = append(c.problems, Problem{
		File: at.File, Line: at.Line, Column: at.Column, What: fmt.Sprintf(what, args...), Hint: hint, Note: note,
		Excerpt: excerpt(c.source, at.Line, at.Column),
	})
}

func (c *checker) definition(ctx context.Context, def *definition) error {
	for i := range def.variables {
		if v := &def.variables[i]; !def.uses(v) {
			c.add(v.at, true, "name it in a query, or leave it out", "the variable %q changes nothing", v.Name)
		}
	}
	for i := range def.choices {
		if c.db == nil {
			break
		}
		if err := c.query(ctx, def, &def.choices[i]); err != nil {
			return err
		}
	}
	for i := range def.panels {
		p := &def.panels[i]
		if p.Clock {
			c.add(p.Pos, true, "write every: to choose the pace", "the query names the clock, so it is read every %s", lasting(p.Every))
		}
		if c.db == nil || p.SQL == "" {
			continue
		}
		if err := c.query(ctx, def, p); err != nil {
			return err
		}
		if err := c.tables(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// query checks one query, and what the file says of its result.
func (c *checker) query(ctx context.Context, def *definition, p *Panel) error {
	tx, err := c.db.Begin(ctx, extended.ReadOnly)
	if err != nil {
		return fmt.Errorf("reach database: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	desc, err := c.prepare(ctx, tx, def, p)
	if err != nil || desc == nil {
		return err
	}
	if err := c.columns(ctx, tx, p, desc.Fields); err != nil {
		return err
	}
	before := len(c.problems)
	if err := c.values(ctx, tx, def, p, desc.ParamOIDs); err != nil || len(c.problems) > before {
		return err // nothing more can be asked in this transaction
	}
	if def.othersRead() {
		return nil
	}
	return c.rights(ctx, tx, def, p, desc.ParamOIDs)
}

// prepare has PostgreSQL read the query as it was written, then as it will be
// run. It answers with what it takes and gives, or nil after a mistake.
func (c *checker) prepare(ctx context.Context, tx extended.Tx, def *definition, p *Panel) (*pgconn.StatementDescription, error) {
	sql, at, conn := p.SQL, p.Locate, tx.Conn().PgConn()
	desc, err := conn.Prepare(ctx, "", sql, nil)
	if err == nil {
		const before = "SELECT * FROM (\n"
		if _, err = conn.Prepare(ctx, "", before+sql+"\n) q LIMIT 1", nil); err != nil {
			at = after(len(before), at)
		}
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == indeterminate {
		c.add(at(untyped(sql, pg.Message)), false, hintFor(pg), "PostgreSQL cannot tell which type the variable has")
		return nil, nil
	}
	if errors.As(err, &pg) && pg.Code == lacking && def.othersRead() {
		c.add(p.Pos, true, "", "the query names what its viewers' roles alone may read, so it is not checked")
		return nil, nil
	}
	if errors.As(err, &pg) {
		_ = tx.Rollback(ctx) // or nothing more can be asked by its connection
		hint := hintFor(pg)
		if hint == "" {
			hint = c.meant(ctx, pg, sql)
		}
		c.add(at(max(1, int(pg.Position))), false, hint, "%s", pg.Message)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("prepare query: %w", err)
	}
	return desc, nil
}

// after shifts positions by what stands before the query.
func after(n int, at func(int) Pos) func(int) Pos {
	return func(position int) Pos { return at(max(1, position-n)) }
}

// indeterminate is PostgreSQL's code for a parameter without a type.
const indeterminate = "42P18"

// untyped is the character of the parameter that such a message names: the
// server reports no position.
func untyped(sql, message string) int {
	return parameterAt(sql, func(name string) bool { return strings.HasSuffix(message, " "+name) })
}

// parameterAt is the character of the first parameter that fits; 1 for none.
func parameterAt(sql string, fits func(name string) bool) int {
	for _, t := range lex(sql) {
		if t.kind == tokenParam && fits(t.text) {
			return utf8.RuneCountInString(sql[:t.start]) + 1
		}
	}
	return 1
}

// hintFor says what would be right, where PostgreSQL does not.
func hintFor(pg *pgconn.PgError) string {
	switch {
	case pg.Hint != "":
		return strings.TrimSuffix(pg.Hint, ".")
	case pg.Code == indeterminate:
		return "say which type the variable has, as in @name::text"
	case pg.Code == "42883" && strings.Contains(pg.Message, "operator"):
		return "cast one side, as in @name::int"
	case pg.Code == lacking:
		return "grant SELECT to the role that rowcast connects as"
	case pg.Code == "0A000" || pg.Code == "42601" && strings.Contains(pg.Message, "INTO"):
		return "a panel takes one query that only reads"
	}
	return ""
}
