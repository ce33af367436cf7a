package dashboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/internal/extended"
)

// draft is what a first dashboard of a table shows. Columns are nil where the
// table has none that fits.
type draft struct {
	table    *Table
	moment   *column // when a row came to be
	step     string  // of the time series: "hour", "day" or "month"
	window   string  // how far back it goes; "": all of it
	category *column
	quantity *column
	columns  []string // of the newest rows
	order    []SortTerm
}

// A table larger than this is summed up over the series' window only.
const wholeTable = 1_000_000

// A category has at least two values and no more than people tell apart.
const mostCategories = 24

// draftColumns is how many columns the newest rows show.
const draftColumns = 8

// Draft writes a first dashboard of a table page's table, as YAML to save and
// change: newest rows, their number, a time series, a breakdown and a sum, as
// far as the table has columns for them. It has no mistakes.
func (b *Book) Draft(ctx context.Context, p *Page) (string, error) {
	if p.Table == nil {
		return "", refuse("bad_request", "a dashboard is made from a table")
	}
	d := &draft{table: p.Table, order: p.Table.Sort}
	if !p.Table.DefaultSort {
		d.order = p.Table.cat.newestFirst()
	}
	known := map[string]spread{}
	err := reading(ctx, b.cfg.DB, p, tryLimit, func(tx extended.Tx) error {
		return p.Table.stats(ctx, tx, known)
	})
	d.choose(known)
	if err == nil || refusedBySQL(err) {
		err = reading(ctx, b.cfg.DB, p, tryLimit, func(tx extended.Tx) error {
			return d.chooseWindow(ctx, tx)
		})
	}
	if err != nil && !refusedBySQL(err) {
		return "", unavailable(err)
	}
	return d.yaml(), nil
}

// refusedBySQL tells an answer of PostgreSQL, such as that a view takes too long,
// from a database that does not answer: the draft then knows less.
func refusedBySQL(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg)
}

// spread is how a column's values are spread.
type spread struct {
	values int64 // different ones
	nulls  float64
}

// stats knows the spread of columns from what ANALYZE found, else from some rows.
func (t *Table) stats(ctx context.Context, tx extended.Tx, known map[string]spread) error {
	rows, err := tx.Query(ctx, statsSQL, t.Schema, t.Name)
	if err != nil {
		return fmt.Errorf("read statistics: %w", err)
	}
	var name string
	var distinct, nulls float64
	_, err = pgx.ForEachRow(rows, []any{&name, &distinct, &nulls}, func() error {
		if distinct < 0 { // a share of the rows
			distinct = -distinct * float64(max(t.RowsEstimate, 1))
		}
		known[name] = spread{int64(distinct), nulls}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read statistics: %w", err)
	}
	if len(known) == 0 {
		return t.sample(ctx, tx, known)
	}
	return nil
}

// sampled is how many rows stand for a table that was never analyzed.
const sampled = 2000

func (t *Table) sample(ctx context.Context, tx extended.Tx, known map[string]spread) error {
	var names, counts []string
	for _, c := range t.Columns {
		if c.Kind == KindText && len(names) < 30 {
			names = append(names, c.Name)
			counts = append(counts, fmt.Sprintf("pg_catalog.count(DISTINCT %[1]s), pg_catalog.count(*) FILTER (WHERE %[1]s IS NULL)", quote(c.Name)))
		}
	}
	if len(names) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, "SELECT "+strings.Join(counts, ", ")+fmt.Sprintf("\nFROM (SELECT %s FROM %s.%s LIMIT %d) q",
		quoteAll(names), quote(t.Schema), quote(t.Name), sampled), pgx.QueryExecModeDescribeExec)
	if err != nil {
		return fmt.Errorf("sample rows: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return fmt.Errorf("sample rows: %w", err)
		}
		for i, name := range names {
			distinct, _ := values[2*i].(int64)
			nulls, _ := values[2*i+1].(int64)
			known[name] = spread{distinct, float64(nulls) / sampled}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("sample rows: %w", err)
	}
	return nil
}

func (d *draft) choose(known map[string]spread) {
	cat := d.table.cat
	d.moment = best(cat, func(c *column) int {
		if !isMoment(c) || known[c.Name].nulls > 0.5 {
			return 0
		}
		return 1 + points(c.NotNull, 4) + points(saysCreated(c.Name), 8) + points(cat.leads(c), 2) + points(c.base != "date", 1)
	})
	key := d.table.Key
	d.category = best(cat, func(c *column) int {
		few := known[c.Name].values >= 2 && known[c.Name].values <= mostCategories
		named := points(says(c.Name, "status", "state", "type", "kind", "category", "channel", "country", "region", "level", "method"), 1)
		switch {
		case slices.Contains(key, c.Name):
			return 0
		case c.Kind == KindEnum:
			return 8 + named
		case c.Kind == KindText && few && c.References == nil:
			return 6 + named
		case c.Kind == KindBool:
			return 4
		case c.References != nil && few:
			return 2
		}
		return 0
	})
	d.quantity = best(cat, func(c *column) int {
		if c.Kind != KindNumber || c.base == "oid" || slices.Contains(key, c.Name) || c.References != nil ||
			says(c.Name, "id", "lat", "lon", "lng", "year", "version", "zip", "percent", "rate", "ratio", "rank", "position") {
			return 0
		}
		return points(c.base == "numeric" || c.base == "money", 2) +
			points(says(c.Name, "total", "amount", "revenue", "price", "sum", "cost", "value", "quantity", "qty", "size", "bytes", "count", "balance", "duration"), 4)
	})
	for i := range cat.columns {
		c := &cat.columns[i]
		big := c.Kind == KindJSON || c.Kind == KindOther || c.Kind == KindArray
		if wanted := slices.Contains(key, c.Name) || c == d.moment || c == d.category || c == d.quantity; wanted || !big && len(d.columns) < draftColumns-3 {
			d.columns = append(d.columns, c.Name)
		}
	}
	if len(d.columns) == 0 && len(cat.columns) > 0 {
		d.columns = []string{cat.columns[0].Name}
	}
	if len(d.order) == 0 && d.moment != nil {
		d.order = descending(d.moment)
	}
}

// best is the column with the most points, the first of equals; nil where none
// has any.
func best(cat *catalog, points func(*column) int) (pick *column) {
	most := 0
	for i := range cat.columns {
		if n := points(&cat.columns[i]); n > most {
			pick, most = &cat.columns[i], n
		}
	}
	return pick
}

func points(holds bool, n int) int {
	if holds {
		return n
	}
	return 0
}

// says tells whether one of the words is one of those that the name is made of.
func says(name string, words ...string) bool {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r < 'a' || r > 'z' })
	return slices.ContainsFunc(parts, func(part string) bool {
		return slices.Contains(words, part) || slices.Contains(words, strings.TrimSuffix(part, "s"))
	})
}

// chooseWindow looks at how old the newest row is, where that is cheap to know.
func (d *draft) chooseWindow(ctx context.Context, tx extended.Tx) error {
	if d.moment == nil {
		return nil
	}
	d.step, d.window = "hour", "24 hours"
	if d.moment.base == "date" {
		d.step, d.window = "day", "30 days"
	}
	if d.table.RelKind == "v" || d.table.RowsEstimate > wholeTable && !d.table.cat.leads(d.moment) {
		return nil
	}
	var age *float64 // seconds; infinite moments are left out
	err := tx.Conn().QueryRow(ctx, fmt.Sprintf(`SELECT extract(epoch FROM pg_catalog.now() - pg_catalog.max(%[1]s))::float8
FROM %[2]s.%[3]s WHERE pg_catalog.isfinite(%[1]s)`, quote(d.moment.Name), quote(d.table.Schema), quote(d.table.Name)), pgx.QueryExecModeDescribeExec).Scan(&age)
	if err != nil {
		return fmt.Errorf("find newest row: %w", err)
	}
	if age == nil {
		return nil
	}
	const day = 24 * time.Hour
	switch old := time.Duration(min(*age, 1e9) * float64(time.Second)); {
	case old > 5*365*day:
		d.step, d.window = "month", ""
	case old > 30*day:
		d.step, d.window = "month", "5 years"
	case old > day:
		d.step, d.window = "day", "30 days"
	}
	return nil
}
