package live_test

import (
	"testing"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// A value that PostgreSQL cannot write in UTF-8 is the error of its panel alone,
// and over when the value is gone; the page goes on and stays live.
func TestAValueThatCannotBeEncodedIsItsPanelsError(t *testing.T) {
	t.Parallel()
	for encoding, of := range map[string]struct{ good, text, bad string }{
		"WIN1252":   {`chr(128)`, "€", `chr(129)`}, // for which it has no character
		"SQL_ASCII": {`E'\xc3\xa9'`, "é", `E'\xff'`},
	} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			name := db.Name + "_encoded"
			db.Exec(t, `CREATE DATABASE `+name+` ENCODING '`+encoding+`' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
			t.Cleanup(func() { db.Exec(t, `DROP DATABASE `+name+` WITH (FORCE)`) })
			b := &bench{T: t, url: db.Server.DatabaseURL(name), hub: broadcast.New[*delta.State](broadcast.Config{})}
			b.conn = b.connect()
			b.exec(`CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'one'), (2, ` + of.good + `)`)
			b.watch()
			b.run()
			v := b.view(page("/d/x", panel("text", "SELECT id, v FROM a ORDER BY id"), panel("count", "SELECT count(*) FROM a")))
			v.until("live", func() bool { return v.is("live") })
			if got := v.cell("text", 1, 1); got != of.text {
				t.Errorf("the second row is %q", got)
			}
			b.exec(`INSERT INTO a VALUES (3, ` + of.bad + `)`)
			v.until("the panel's error beside a change", func() bool { return v.fault("text") == "query_failed" && v.cell("count", 0, 0) == "3" })
			if got := v.cell("text", 1, 1); got != of.text {
				t.Errorf("a panel with an error shows %q", got)
			}
			b.exec(`INSERT INTO a VALUES (4, 'four')`)
			v.until("another change, and live", func() bool { return v.cell("count", 0, 0) == "4" && v.is("live") })
			b.exec(`UPDATE a SET v = 'three' WHERE id = 3`)
			v.until("all rows again", func() bool { return v.fault("text") == "" && len(v.state.Panels["text"].Rows) == 4 })
		})
	}
}
