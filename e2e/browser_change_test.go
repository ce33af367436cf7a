package e2e_test

import (
	"fmt"
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
)

const tasks = `
CREATE TABLE tasks (id int PRIMARY KEY, title text NOT NULL, points int NOT NULL, done bool NOT NULL DEFAULT false);
INSERT INTO tasks SELECT i, 'task ' || i, 1000 - i FROM generate_series(1, 100) i;`

const tasksPage = `title: Work
panels:
  - id: list
    title: Tasks
    type: table
    query: SELECT id, title, points FROM tasks ORDER BY points DESC, id
    limit: 200
    height: 3
  - id: sum
    title: Points
    type: stat
    query: SELECT sum(points) AS points FROM tasks
`

// observe counts what changes below a panel's rows, and keeps a row to see
// whether it stays the same element.
const observe = `
	window.kept = [...document.querySelectorAll("tbody tr")].find((tr) => tr.cells[0].innerText === "%d");
	window.texts = window.nodes = 0;
	const rows = document.querySelector("tbody");
	new MutationObserver((list) => {
		for (const m of list) {
			if (m.type === "characterData") window.texts++;
			else window.nodes += m.addedNodes.length + m.removedNodes.length;
		}
	}).observe(rows, { subtree: true, characterData: true, childList: true })`

// cell is the text of a row's column, undefined where there is no such row.
func cell(id, column int) string {
	return fmt.Sprintf(`[...document.querySelectorAll("tbody tr")].find((tr) => tr.cells[0].innerText === "%d")?.cells[%d].innerText`, id, column)
}

// place is a row's number.
func place(id int) string {
	return fmt.Sprintf(`[...document.querySelectorAll("tbody tr:not(.leaving)")].findIndex((tr) => tr.cells[0].innerText === "%d")`, id)
}

func testDashboardInPlace(t *testing.T, b *browser) {
	server, db := serve(t, tasks, "--dashboards", dashboards(t, map[string]string{"work.yaml": tasksPage}))
	w := b.tab(t)
	w.watch(server.URL + "d/work")
	inPlace(w, db, 5)

	// A row that counts more moves up; it stays the same element.
	db.Exec(t, `UPDATE tasks SET points = 5000 WHERE id = 5`)
	w.until("the row at the top", place(5)+` === 0`)
	if !ask[bool](w, `kept === document.querySelector("tbody tr:not(.leaving)")`) {
		t.Error("the row that moved is another element than before")
	}
	w.until("the sum of all", `document.querySelector('[data-panel="sum"] [data-value]').innerText === "`+sum(t, db)+`"`)
	w.stayed()
}

func testTableInPlace(t *testing.T, b *browser) {
	server, db := serve(t, tasks, "--watch", "public.*")
	w := b.tab(t)
	w.watch(server.URL + "t/public.tasks")
	inPlace(w, db, 95)
	w.until("the newest row at the top", place(101)+` === 0`)
	w.stayed()
}

// inPlace changes a row that is in sight, adds one and removes one, and looks how
// the page takes it.
func inPlace(w *tab, db *pgtest.DB, id int) {
	w.run(fmt.Sprintf(observe, id))
	db.Exec(w, `UPDATE tasks SET title = 'changed' WHERE id = $1`, id)
	w.until("the changed title", cell(id, 1)+` === "changed"`)
	if texts, nodes := ask[int](w, `texts`), ask[int](w, `nodes`); texts != 1 || nodes != 0 {
		w.Errorf("one changed cell touched %d texts and %d nodes, want 1 and 0", texts, nodes)
	}
	if !ask[bool](w, `[...kept.cells].map((td) => !!td.querySelector(".flash")).join() === [...kept.cells].map((td) => td.innerText === "changed").join()`) {
		w.Error("not exactly the changed cell is marked")
	}
	w.until("the mark to fade", `!kept.querySelector(".flash")`)

	db.Exec(w, `INSERT INTO tasks VALUES (101, 'one more', 2000)`)
	w.until("the new row", cell(101, 1)+` === "one more"`)
	if added := ask[int](w, `nodes`); added != 1 {
		w.Errorf("one new row touched %d nodes, want 1", added)
	}
	if !ask[bool](w, `document.querySelectorAll("tbody tr.fresh").length === 1`) {
		w.Error("the new row is not marked")
	}

	db.Exec(w, `DELETE FROM tasks WHERE id = 99`)
	w.until("the row to leave", cell(99, 1)+` === undefined`)
	if touched := ask[int](w, `nodes`); touched != 2 {
		w.Errorf("a new row and a removed one touched %d nodes, want 2", touched)
	}
	if texts := ask[int](w, `texts`); texts != 1 {
		w.Errorf("%d texts changed in all, want 1", texts)
	}
}

func sum(t *testing.T, db *pgtest.DB) (points string) {
	t.Helper()
	err := db.Conn(t).QueryRow(t.Context(), `SELECT to_char(sum(points), 'FM999,999,999') FROM tasks`).Scan(&points)
	if err != nil {
		t.Fatal(err)
	}
	return points
}

// Scrolled into the middle, a row marked with the mouse, the focus on a link:
// frames must not disturb any of it, and the rows stand still until the reader
// is back.
func testReaderIsLeftAlone(t *testing.T, b *browser) {
	server, db := serve(t, tasks, "--watch", "public.*")
	w := b.tab(t)
	w.watch(server.URL + "t/public.tasks")
	w.run(`
		window.box = document.querySelector(".scroll");
		box.scrollTop = 1200;
		window.row = [...document.querySelectorAll("tbody tr")].find((tr) => tr.cells[0].innerText === "50");
		document.querySelector("th a").focus({ preventScroll: true });
		const range = document.createRange();
		range.setStart(row.cells[1].querySelector(".v").lastChild, 1);
		range.setEnd(row.cells[1].querySelector(".v").lastChild, 4);
		getSelection().removeAllRanges();
		getSelection().addRange(range)`)
	const where = `row.getBoundingClientRect().top`
	w.until("the table to hold still", `!!document.querySelector("[data-held=still]")`)
	before := ask[float64](w, where)
	for i := range 10 {
		db.Exec(t, `UPDATE tasks SET points = points + 1 WHERE id BETWEEN 45 AND 55`)
		db.Exec(t, `UPDATE tasks SET title = 'changed ' || $1 WHERE id = 20`, fmt.Sprint(i))
	}
	db.Exec(t, `INSERT INTO tasks VALUES (101, 'one more', 7)`)
	db.Exec(t, `DELETE FROM tasks WHERE id = 99`)
	w.says("1 new, 12 changed")
	if got := ask[string](w, `String(getSelection())`); got != "ask" {
		t.Errorf("%q is selected, want %q", got, "ask")
	}
	if !ask[bool](w, `document.activeElement === document.querySelector("th a")`) {
		t.Error("the focus went elsewhere")
	}
	if at := ask[float64](w, where); at != before {
		t.Errorf("the reader's row moved from %v to %v", before, at)
	}
	w.run(`getSelection().removeAllRanges(); box.scrollTop = 0`)
	w.until("the last change", cell(20, 1)+` === "changed 9" && `+cell(101, 1)+` === "one more" && `+cell(99, 1)+` === undefined && `+cell(50, 2)+` === "960"`)
	if !ask[bool](w, `document.activeElement === document.querySelector("th a")`) {
		t.Error("the focus went elsewhere")
	}
	w.stayed()
}

// What changes while the page is paused is counted, and shown afterwards.
func testPaused(t *testing.T, b *browser) {
	server, db := serve(t, tasks, "--watch", "public.*")
	w := b.tab(t)
	w.watch(server.URL + "t/public.tasks")
	w.click("#live [data-do=pause]")
	w.until("the paused state", `document.querySelector("#live").dataset.state === "paused"`)
	db.Exec(t, `INSERT INTO tasks VALUES (101, 'one more', 7)`)
	db.Exec(t, `UPDATE tasks SET title = 'changed' WHERE id = 90`)
	w.says("1 new, 1 changed")
	if got := ask[string](w, cell(90, 1)); got != "task 90" {
		t.Errorf("a paused page shows %q, want the old title", got)
	}
	if !ask[bool](w, place(101)+` === -1`) {
		t.Error("a paused page shows a new row")
	}
	w.do("resume", pressed(" "))
	w.until("what waited", cell(101, 1)+` === "one more" && `+cell(90, 1)+` === "changed"`)
	w.live()
	w.stayed()
}
