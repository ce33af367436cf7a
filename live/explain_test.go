package live_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/live"
)

const channels = `CREATE TABLE orders (id int PRIMARY KEY, channel text, total int); INSERT INTO orders VALUES (1, 'web', 5);
CREATE SCHEMA hr; CREATE TABLE hr.salaries (id int PRIMARY KEY); CREATE TABLE hr."Odd name" (id int); CREATE TABLE salaries (id int);
CREATE SCHEMA closed; CREATE TABLE closed.t (id int); CREATE TABLE closed.tt (id int); CREATE FUNCTION secret(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE ALL ON FUNCTION secret(int) FROM public;`

// reading lets a new role read the tables that everybody may.
func reading(role string) string {
	return "CREATE ROLE " + role + "; GRANT USAGE ON SCHEMA public, hr TO " + role + "; GRANT SELECT ON orders TO " + role
}

// as reads panels as that role.
func as(role string) func(*live.Config) {
	return func(c *live.Config) {
		connect := c.Connect
		c.Connect = func(ctx context.Context, purpose string) (*pgx.Conn, error) {
			conn, err := connect(ctx, purpose)
			if err == nil {
				_, err = conn.Exec(ctx, "SET ROLE "+role)
			}
			return conn, err
		}
	}
}

// written is a panel as a file has it: its text, where other text stands at
// the places of variables.
func written(id, source string) dashboard.Panel {
	p := panel(id, source)
	p.Source = source
	return p
}

func TestErrorsTellWhatHelps(t *testing.T) {
	role := "reader_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	b := start(t, channels+reading(role), as(role))
	t.Cleanup(func() { b.exec("DROP OWNED BY " + role + "; DROP ROLE " + role) })
	candid := page("/d/x",
		written("name", "SELECT\n  chanel, total FROM orders"),
		written("syntax", "SELECT id FORM orders WHERE"),
		written("gone", "SELECT 'é' AS e, id FROM ordrs"),
		written("zero", "SELECT 1 / (total - 5) FROM orders"),
		written("denied", "SELECT id FROM hr.salaries"),
		written("odd", `SELECT id FROM hr."Odd name"`),
		written("schema", "SELECT id FROM closed.t"),
		written("function", "SELECT secret(1)"),
		written("good", "SELECT channel FROM orders"),
	)
	candid.Candid = true
	candid.Panels[3].Pos = dashboard.Pos{File: "x.yaml", Line: 7, Column: 12} // an error without a position
	v := b.view(candid)
	v.until("all panels", func() bool { return v.state != nil && len(v.state.Panels) == 9 && v.cell("good", 0, 0) == "web" })
	for id, want := range map[string]delta.Error{
		"name":     {Code: "query_failed", Position: 10, Hint: `Perhaps you meant to reference the column "orders.channel".`},
		"syntax":   {Code: "query_failed", Position: 16},
		"gone":     {Code: "table_gone", Position: 26},
		"zero":     {Code: "query_failed", Line: 7, Column: 12},
		"denied":   {Code: "forbidden", Fix: "GRANT SELECT ON hr.salaries TO " + role + ";"},
		"odd":      {Code: "forbidden", Fix: `GRANT SELECT ON hr."Odd name" TO ` + role + ";"},
		"schema":   {Code: "forbidden", Position: 16, Fix: "GRANT USAGE ON SCHEMA closed TO " + role + ";\nGRANT SELECT ON closed.t TO " + role + ";"},
		"function": {Code: "forbidden", Fix: "GRANT EXECUTE ON FUNCTION secret(integer) TO " + role + ";"},
	} {
		got := v.state.Panels[id].Err
		if got == nil {
			t.Errorf("%s has no error", id)
			continue
		}
		want.Message = got.Message
		if *got != want {
			t.Errorf("%s: got %+v, want %+v", id, *got, want)
		}
	}
	// A later error tells its place too, though the statement was prepared before.
	b.exec("ALTER TABLE orders RENAME channel TO way; UPDATE orders SET total = 6")
	v.until("an error in a panel that was good", func() bool { return v.fault("good") == "query_failed" })
	if e := v.state.Panels["good"].Err; e.Position != 8 {
		t.Errorf("a later error is at %d: %+v", e.Position, e)
	}
}

func TestErrorsAreBareForWhoMayNotSeeQueries(t *testing.T) {
	role := "reader_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	b := start(t, channels+reading(role), as(role))
	t.Cleanup(func() { b.exec("DROP OWNED BY " + role + "; DROP ROLE " + role) })
	v := b.view(page("/d/x", written("name", "SELECT chanel FROM orders"), written("denied", "SELECT id FROM hr.salaries"),
		written("gone", "SELECT id FROM ordrs"), written("value", "SELECT channel::int FROM orders")))
	for _, id := range []string{"name", "denied", "gone", "value"} {
		v.until(id, func() bool { return v.fault(id) != "" })
		e := *v.state.Panels[id].Err
		if e != (delta.Error{Code: e.Code, Message: e.Message}) {
			t.Errorf("%s tells %+v", id, e)
		}
		for _, text := range []string{"chanel", "salaries", "ordrs", "web"} { // the last is a row's
			if strings.Contains(e.Message, text) {
				t.Errorf("%s tells %q", id, e.Message)
			}
		}
	}
}
