package e2e_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// held is what the page keeps of a table's rows: each cell's value, whatever is
// shown of it, and what is shown.
const held = `[...document.querySelectorAll("tbody tr:not(.leaving)")].map((tr) => [...tr.cells].map((td) => {
	const v = td.querySelector(".v"), mark = v.querySelector("i, .dim");
	return { null: "null" in td.dataset, value: td.dataset.raw ?? (mark ? v.textContent.replace(mark.textContent, "").replace(/^ /, "") : v.textContent), shown: v.textContent, title: td.title };
}))`

type heldCell struct {
	Null                bool
	Value, Shown, Title string
}

// The page keeps every value as PostgreSQL writes it, first when the server
// rendered it and then when the browser did; what is shown of a long one ends in
// a mark, and no number loses a digit, in a cell, in the open row or in its JSON.
func testExactValues(t *testing.T, b *browser) {
	db := pgtest.New(t)
	db.Script(t, torture)
	conn := db.Conn(t)
	tablesOfTypes(t, conn)
	db.Script(t, `CREATE TABLE hollow (); INSERT INTO hollow DEFAULT VALUES; INSERT INTO hollow DEFAULT VALUES`)
	dir := dashboards(t, map[string]string{"odd.yaml": yaml("Odd", twice, none)})
	server := start(t, binary(t), nil, "serve", "--database-url", db.URL, "--listen", "127.0.0.1:0", "--watch", "public.*", "--dashboards", dir)
	oddColumns(t, b, server.URL, db)
	for _, table := range []string{"torture", "plain", "arrays", "composites", "ranges"} {
		w := b.tab(t)
		w.watch(server.URL + "t/public." + table)
		var first []delta.Cell
		for _, by := range []string{"server", "browser"} {
			rows, err := answerTo(context.Background(), conn.PgConn(), question{query: "SELECT * FROM " + table + " ORDER BY id DESC"})
			if err != nil {
				t.Fatal(err)
			}
			w.until("the rows", `document.querySelectorAll("tbody tr:not(.leaving)").length === `+digit(len(rows))+` && JSON.parse(document.querySelector("tbody tr").dataset.key)[0] === `+quoted(rows[0][0].Text))
			first = rows[0]
			compareHeld(t, table+" by the "+by, ask[[][]heldCell](w, held), rows)
			if by == "server" { // what comes now is drawn by the browser, and then stays
				db.Exec(t, `UPDATE `+table+` SET id = id + 4`)
			}
		}
		w.until("the open row", `(document.querySelector(".drawer[open]") ?? document.querySelector("tbody tr:not(.leaving) td .v").click(),
			document.querySelector(".drawer [data-part=json] pre")?.textContent.length > 1000)`)
		text := ask[string](w, `document.querySelector(".drawer [data-part=json] pre").textContent`)
		if !json.Valid([]byte(text)) {
			t.Errorf("%s: the row's JSON is none: %.300s", table, text)
		}
		numbers := 0
		for _, cell := range first {
			if len(cell.Text) > 10 && strings.Trim(cell.Text, "-.0123456789") == "" {
				if numbers++; !strings.Contains(text, cell.Text) {
					t.Errorf("%s: the row's JSON has lost digits of %.60s", table, cell.Text)
				}
			}
		}
		if numbers == 0 && (table == "torture" || table == "plain") {
			t.Errorf("%s: no long number in the row", table)
		}
		w.stayed()
		w.close()
	}
}

// twice has three columns of one name, none has rows without any.
var (
	twice = question{id: "twice", query: "SELECT id, id, nan AS id FROM torture ORDER BY torture.id"}
	none  = question{id: "none", query: "SELECT FROM hollow"}
)

// Columns of the same name are each shown with their own values, and rows without
// columns are rows: they are counted, and come and go, on a dashboard and on the page
// of a table that has no columns.
func oddColumns(t *testing.T, b *browser, url string, db *pgtest.DB) {
	odd, hollow := b.tab(t), b.tab(t)
	odd.watch(url + "d/odd")
	hollow.watch(url + "t/public.hollow")
	conn := db.Conn(t)
	rowsOf := func(panel string) string {
		return strings.Replace(held, `"tbody`, `"[data-panel=`+panel+`] tbody`, 1)
	}
	shown := func(by string) {
		t.Helper()
		for _, c := range []struct {
			w     *tab
			panel string
			asked question
		}{{odd, "twice", twice}, {odd, "none", none}, {hollow, "rows", none}} {
			rows, err := answerTo(t.Context(), conn.PgConn(), c.asked)
			if err != nil {
				t.Fatal(err)
			}
			c.w.until("the rows of "+c.panel, rowsOf(c.panel)+`.length === `+digit(len(rows)))
			if len(rows[0]) > 0 {
				c.w.until("the values of "+c.panel, rowsOf(c.panel)+`.some((cells) => cells[2].value === `+quoted(rows[0][2].Text)+`)`)
			}
			compareHeld(t, c.panel+" by the "+by, ask[[][]heldCell](c.w, rowsOf(c.panel)), rows)
		}
		if heads := ask[[]string](odd, `[...document.querySelectorAll("[data-panel=twice] thead th")].map((th) => th.innerText.trim().split("\n")[0])`); len(heads) != 3 {
			t.Errorf("by the %s the heads are %q", by, heads)
		}
	}
	shown("server")
	db.Exec(t, `INSERT INTO hollow DEFAULT VALUES`)
	db.Exec(t, `UPDATE torture SET nan = -1.5`)
	shown("browser")
	db.Exec(t, `DELETE FROM hollow WHERE ctid = (SELECT min(ctid) FROM hollow)`)
	db.Exec(t, `UPDATE torture SET nan = 'NaN'`)
	shown("browser again")
	for _, w := range []*tab{odd, hollow} {
		w.stayed()
		w.close()
	}
}

func compareHeld(t *testing.T, what string, got [][]heldCell, want [][]delta.Cell) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d rows for %d", what, len(got), len(want))
		return
	}
	for i, row := range want {
		for j, cell := range row {
			g := got[i][j]
			if g.Null != cell.Null || !cell.Null && g.Value != cell.Text {
				t.Errorf("%s: row %d, column %d holds %.200q (null %t), not %.200q", what, i, j, g.Value, g.Null, cell.Text)
			}
			if n := len([]rune(cell.Text)); n > 400 && !strings.HasSuffix(g.Shown, "…") && g.Title != cell.Text { // a numeric is rounded, and whole on hover
				t.Errorf("%s: row %d, column %d is cut without a mark, or not cut: %d characters of %d: %.100q", what, i, j, len([]rune(g.Shown)), n, g.Shown)
			}
		}
	}
}
