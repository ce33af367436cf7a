package dashboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rowcast/rowcast/internal/extended"
)

// result is what a query gives: its columns and their types.
type result struct {
	names []string
	types []uint32
	tx    extended.Tx
}

// Types that hold quantities, and those that hold times.
var (
	quantities = []uint32{pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID,
		pgtype.OIDOID, pgtype.XIDOID, pgtype.XID8OID, pgtype.IntervalOID, moneyOID}
	moments = []uint32{pgtype.TimestamptzOID, pgtype.TimestampOID, pgtype.DateOID}
)

const moneyOID = 790

func (r *result) quantity(i int) bool { return slices.Contains(quantities, r.types[i]) }

// typeOf is a column's type as SQL writes it.
func (r *result) typeOf(ctx context.Context, i int) string {
	name := "of another type"
	_ = r.tx.Conn().QueryRow(ctx, "SELECT pg_catalog.format_type($1, NULL)", r.types[i]).Scan(&name) // it stays as vague as that
	return name
}

// numbers are the names of the columns that hold quantities.
func (r *result) numbers() (names []string) {
	for i, name := range r.names {
		if r.quantity(i) {
			names = append(names, name)
		}
	}
	return names
}

// columns checks that what the panel says about columns fits its result.
func (c *checker) columns(ctx context.Context, tx extended.Tx, p *Panel, fields []pgconn.FieldDescription) error {
	r := &result{tx: tx}
	for _, f := range fields {
		r.names, r.types = append(r.names, f.Name), append(r.types, f.DataTypeOID)
	}
	if len(r.names) == 0 {
		c.add(p.Pos, false, "select at least one", "the query has no columns")
	}
	before := len(c.problems)
	for _, name := range p.Key {
		c.has(r, p.placeOf("key", name), "key", name)
	}
	names := make([]string, 0, len(p.Columns))
	for name := range p.Columns {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := p.Columns[name]
		at := p.places["columns."+name]
		i := c.has(r, at, "columns", name)
		linked, _ := placeholders(f.Link)
		for _, other := range linked {
			c.has(r, p.places["link."+name], "link", other)
		}
		if i >= 0 && !r.quantity(i) && (f.Thresholds != nil || f.Bar != nil || f.Format != "") {
			c.add(at, true, "leave it out, or cast the column in the query", "columns: %q holds no numbers (it is %s), so a format, bar or threshold changes nothing", name, r.typeOf(ctx, i))
		}
	}
	if s := p.Stat; s != nil && s.Compare != nil && s.Compare.Column != "" {
		c.measures(ctx, r, p.places["compare"], "compare", s.Compare.Column)
	}
	if p.Chart != nil && len(c.problems) == before {
		c.figure(ctx, r, p)
	}
	return nil
}

// has finds a column that the file names, or says that there is none: -1.
func (c *checker) has(r *result, at Pos, field, name string) int {
	i := slices.Index(r.names, name)
	if i < 0 {
		c.add(at, false, didYouMean(name, r.names), "%s: the query has no column %q", field, name)
	}
	return i
}

// measures checks that a column is there and holds quantities.
func (c *checker) measures(ctx context.Context, r *result, at Pos, field, name string) {
	i := c.has(r, at, field, name)
	if i < 0 || r.quantity(i) {
		return
	}
	hint := "cast it in the query, as in " + name + "::numeric"
	if numbers := r.numbers(); len(numbers) > 0 {
		hint = "numbers are in " + list(numbers)
	}
	c.add(at, false, hint, "%s: the column %q holds no numbers (it is %s)", field, name, r.typeOf(ctx, i))
}

// figure checks that there is something to draw.
func (c *checker) figure(ctx context.Context, r *result, p *Panel) {
	chart, before := p.Chart, len(c.problems)
	along := none // what cannot be the number: the axis of a chart
	if slices.Contains(charts, p.Type) && len(r.names) > 0 {
		along = 0
	}
	if chart.X != "" {
		along = c.has(r, p.placeOf("x", chart.X), "x", chart.X)
	}
	by, most := none, none
	if chart.Series != "" {
		by = c.has(r, p.placeOf("series", chart.Series), "series", chart.Series)
	}
	for _, name := range chart.Y {
		c.measures(ctx, r, p.placeOf("y", name), "y", name)
	}
	if chart.MaxBy != "" {
		c.measures(ctx, r, p.placeOf("max", chart.MaxBy), "max", chart.MaxBy)
		most = slices.Index(r.names, chart.MaxBy)
	}
	if len(c.problems) > before {
		return
	}
	if (chart.Window > 0 || chart.Range != "") && along >= 0 && !slices.Contains(moments, r.types[along]) {
		c.add(p.placeOf("window", ""), false, "let the column along the axis be a date or a timestamp", "window: the column %q holds no times (it is %s)", r.names[along], r.typeOf(ctx, along))
	}
	for i := range r.names {
		if len(chart.Y) > 0 || r.quantity(i) && i != along && i != by && i != most {
			return
		}
	}
	c.add(p.Pos, false, "select a number, as in count(*) AS n", "the query has no column of numbers to draw")
}

// none is the index of no column.
const none = -1

// values checks that PostgreSQL can take what readers may choose as what the
// query makes of it: a default, and each option of the file.
func (c *checker) values(ctx context.Context, tx extended.Tx, def *definition, p *Panel, types []uint32) error {
	conn := tx.Conn().PgConn()
	for n, name := range p.names {
		i := slices.IndexFunc(def.variables, func(v Variable) bool { return v.Name == name })
		if i < 0 || n >= len(types) {
			continue
		}
		v := &def.variables[i]
		if v.Multiple || v.Type != VariableText && v.Type != VariableSelect {
			continue // the query does not choose their type
		}
		for _, value := range slices.Concat(v.Defaults, optionValues(v.Options)) {
			if value == "" && v.nullable {
				continue
			}
			err := conn.ExecParams(ctx, "SELECT $1", [][]byte{[]byte(value)}, []uint32{types[n]}, nil, nil).Read().Err
			var pg *pgconn.PgError
			if err == nil {
				continue
			}
			if !errors.As(err, &pg) {
				return fmt.Errorf("try value: %w", err)
			}
			at := parameterAt(p.SQL, func(param string) bool { return param == "$"+strconv.Itoa(n+1) })
			c.add(p.Locate(at), false, "compare it as a text, as in id::text = @"+name+", or leave that value out", "@%s cannot be %q here: %s", name, value, pg.Message)
			return nil
		}
	}
	return nil
}

// lacking is PostgreSQL's code for a right that the role does not have.
const lacking = "42501"

// rights checks that the role may read what the query reads. PostgreSQL looks
// at that only when it is about to run it, which EXPLAIN is and never does.
func (c *checker) rights(ctx context.Context, tx extended.Tx, def *definition, p *Panel, types []uint32) error {
	args, _, _ := arguments(def.variables)
	var values [][]byte
	for _, a := range pick(args, p.names) {
		if a == nil {
			values = append(values, nil)
		} else {
			values = append(values, []byte(*a))
		}
	}
	err := tx.Conn().PgConn().ExecParams(ctx, "EXPLAIN (COSTS OFF)\n"+p.SQL, values, types, nil, nil).Read().Err
	var pg *pgconn.PgError
	switch {
	case err == nil:
	case !errors.As(err, &pg):
		return fmt.Errorf("explain query: %w", err)
	case pg.Code == lacking: // what else goes wrong may do so for these values alone
		c.add(p.Locate(named(p.SQL, pg.Message)), false, hintFor(pg), "%s", pg.Message)
	}
	return nil
}

// named is the character of the name that such a message ends with; 1 where the
// query names it otherwise.
func named(sql, message string) int {
	name := message[strings.LastIndexByte(message, ' ')+1:]
	for _, t := range lex(sql) {
		if strings.Trim(t.text, `"`) == name {
			return utf8.RuneCountInString(sql[:t.start]) + 1
		}
	}
	return 1
}

func (c *checker) tables(ctx context.Context, p *Panel) error {
	for _, name := range p.Watch {
		rows, err := c.db.Query(ctx, `SELECT pg_catalog.to_regclass($1) IS NOT NULL`, name)
		if err != nil {
			return fmt.Errorf("look up table: %w", err)
		}
		there, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
		var pg *pgconn.PgError
		if err != nil && !errors.As(err, &pg) {
			return fmt.Errorf("look up table: %w", err)
		}
		if err != nil || !there {
			c.add(p.placeOf("watch", name), false, "", "watch: there is no table %q", name)
		}
	}
	return nil
}
