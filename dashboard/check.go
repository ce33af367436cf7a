package dashboard

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Report is what Check found.
type Report struct {
	Dashboards int
	Problems   []Problem // what must be mended
	Notes      []Problem // what is worth knowing
}

// Check reads all dashboards of a folder and says everything that is wrong
// with them. With a connection each query is prepared too, so that its
// mistakes are named by their place in the file; no query is run.
func Check(ctx context.Context, dir fs.FS, conn *pgx.Conn) (Report, error) {
	b := &Book{cfg: Config{FS: dir, TimeZone: "UTC"}}
	names, data, err := b.files()
	if err != nil {
		return Report{}, err
	}
	var r Report
	for slug, text := range data {
		r.Dashboards++
		d, problems := parse(names[slug], text, "UTC")
		for _, p := range problems {
			r.Problems = append(r.Problems, *p)
		}
		if d == nil {
			continue
		}
		for _, n := range d.panels {
			if n.Clock {
				r.Notes = append(r.Notes, Problem{File: n.Pos.File, Line: n.Pos.Line, Column: n.Pos.Column,
					What: "the query of " + n.ID + " names the clock or chance, so it is read every " + clockPace.String() + " too",
					Hint: "write every: to choose the pace"})
			}
			if conn == nil {
				continue
			}
			if p := examine(ctx, conn, n, text); p != nil {
				r.Problems = append(r.Problems, *p)
			}
		}
	}
	order := func(x, y Problem) int {
		if c := strings.Compare(x.File, y.File); c != 0 {
			return c
		}
		return x.Line - y.Line
	}
	slices.SortStableFunc(r.Problems, order)
	slices.SortStableFunc(r.Notes, order)
	return r, nil
}

// examine prepares a panel's query as it was written, then as it will run.
func examine(ctx context.Context, conn *pgx.Conn, n Panel, file []byte) *Problem {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	query := strings.TrimRight(n.SQL, "; \t\r\n")
	_, err := conn.PgConn().Prepare(ctx, "", query, nil)
	what, hint := "", ""
	if err == nil {
		_, err = conn.PgConn().Prepare(ctx, "", "SELECT * FROM (\n"+query+"\n) q LIMIT 1", nil)
		if err == nil {
			return nil
		}
		what, hint = "a panel takes one query that only reads", "write SELECT, VALUES, TABLE or WITH … SELECT"
	}
	p := &Problem{File: n.Pos.File, Line: n.Pos.Line, Column: n.Pos.Column, What: err.Error()}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		p.What, p.Hint = pg.Message, pg.Hint
		if strings.Contains(pg.Message, "multiple commands") {
			p.What, p.Hint = "a panel takes one query, and here are several", "make a panel of each"
		}
		if pg.Position > 0 && what == "" {
			at := n.Pos.after(n.Source, n.sourceOffset(int(pg.Position)-1))
			p.Line, p.Column = at.Line, at.Column
		}
	}
	if what != "" {
		p.What, p.Hint = what, hint
	}
	if lines := strings.Split(string(file), "\n"); p.Line <= len(lines) {
		p.Excerpt = strings.TrimRight(lines[p.Line-1], "\r")
	}
	return p
}

// sourceOffset turns a character position in the SQL with $1 into a byte
// offset in the query as it was written with @name.
func (n Panel) sourceOffset(position int) int {
	sql := []rune(n.SQL)
	want := len(string(sql[:min(position, len(sql))]))
	shift := 0
	bound := scan(n.SQL)
	written := scan(n.Source)
	for i := range min(len(bound), len(written)) {
		if bound[i].at > want {
			break
		}
		shift = written[i].at - bound[i].at
	}
	return want + shift
}
