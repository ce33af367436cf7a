package dashboard_test

import (
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// everything is a dashboard that says all that can be said.
const everything = `title: Shop
description: What is selling
timezone: Europe/Berlin
variables:
  - name: status
    label: Status
    type: select
    options: [{value: all, label: All}, paid, late]
    default: all
  - name: since
    type: range
    default: last 1h
panels:
  - id: revenue
    title: Revenue
    description: of today
    type: stat
    query: SELECT sum(total) AS revenue, 1 AS before FROM orders WHERE status = @status
    unit: EUR
    width: 3
    height: 2
    every: 60s
    compare: {column: before, label: on yesterday, good: up}
    sparkline: SELECT 1
    thresholds: {10: amber, 20: red}
  - id: by_hour
    type: bar
    query: SELECT 1 AS hour, 'a' AS status, 2 AS orders
    x: hour
    series: status
    y: orders
    stacked: true
    max: 40
    window: since
    columns:
      status: {colors: {paid: green, late: amber, all: blue, lost: red}}
  - id: latest
    type: table
    query: SELECT id, total FROM orders ORDER BY id DESC
    limit: 50
    key: id
    watch: [stock]
    columns:
      id: {hidden: true, width: 20%}
      total: {label: Total, unit: EUR, align: right, decimals: 2, link: "/t/public.orders?x={id}", bar: {max: 9}, thresholds: {1: red}}
  - id: note
    type: text
    content: Some words
run_as: {settings: {app.user: "{user}"}}
`

// markOf is what the pages of one dashboard's file carry.
func markOf(t *testing.T, text string) string {
	t.Helper()
	p := page(t, open(t, nil, map[string]string{"shop.yaml": text}), "/d/shop")
	if len(p.Mark) != 16 {
		t.Fatalf("the mark is %q", p.Mark)
	}
	return p.Mark
}

func TestAMarkIsTheSameForTheSameDefinition(t *testing.T) {
	t.Parallel()
	want := markOf(t, everything)
	for range 20 { // the maps of a definition have no order
		if got := markOf(t, everything); got != want {
			t.Fatalf("the mark of the same file is %s, and then %s", want, got)
		}
	}
	for what, text := range map[string]string{
		"a comment":                 "# of the shop\n" + strings.Replace(everything, "panels:\n", "panels: # those that are shown\n\n", 1),
		"who may see it":            everything + "access: {users: [anna]}\n",
		"lines of another system":   strings.ReplaceAll(everything, "\n", "\r\n"),
		"colors in another order":   strings.Replace(strings.Replace(everything, "    series: status\n", "", 1), "paid: green, late: amber", "late: amber, paid: green", 1),
		"fields in another order":   strings.Replace(everything, "    width: 3\n    height: 2\n", "    height: 2\n    width: 3\n", 1),
		"values that go by default": strings.Replace(everything, "  - id: by_hour\n", "  - id: by_hour\n    title: by_hour\n    width: 6\n", 1),
	} {
		want := want
		if strings.HasPrefix(what, "colors") { // of a column that names series they say which is the first
			want = markOf(t, strings.Replace(everything, "    series: status\n", "", 1))
		}
		if got := markOf(t, text); got != want {
			t.Errorf("%s makes another mark", what)
		}
	}
	b := open(t, nil, map[string]string{"shop.yaml": everything, "other.yaml": board})
	for _, address := range []string{"/d/shop", "/d/shop?status=paid", "/d/shop?since=last+7d&status=late"} {
		if p := page(t, b, address); p.Mark != want || b.Current(p) != want {
			t.Errorf("%s has the mark %s, and now %s; want %s", address, p.Mark, b.Current(p), want)
		}
	}
}

func TestAMarkChangesWithAllThatIsShown(t *testing.T) {
	t.Parallel()
	marks := map[string]string{markOf(t, everything): "nothing"}
	for _, change := range []string{ // old text and new, with an arrow between them
		"title: Shop → title: Store", "What is selling → What was sold", "Europe/Berlin → Europe/Paris",
		"label: Status → label: State", "label: All → label: Any", "paid, late] → late, paid]", "default: all → default: paid", "last 1h → last 2h",
		"title: Revenue → title: Turnover", "of today → of now", "type: bar → type: area", "sum(total) → max(total)", "unit: EUR → unit: USD",
		"width: 3 → width: 4", "height: 2 → height: 3", "every: 60s → every: 30s", "column: before → column: revenue", "on yesterday → on monday",
		"good: up → good: down", "sparkline: SELECT 1 → sparkline: SELECT 2", "{10: amber, 20: red} → {11: amber, 20: red}", "20: red} → 20: green}",
		"x: hour → x: status2", "series: status → series: status2", "y: orders → y: sold", "stacked: true → stacked: false", "max: 40 → max: 41",
		"window: since → window: 1h", "{paid: green, late: amber → {late: amber, paid: green", "late: amber → late: red", "limit: 50 → limit: 51",
		"key: id → key: total", "[stock] → [stocks]", "hidden: true → hidden: false", "width: 20% → width: 21%", "label: Total → label: Sum",
		"total: {label: Total, unit: EUR → total: {label: Total, unit: USD", "align: right → align: left", "decimals: 2 → decimals: 3", "?x={id} → ?y={id}",
		"{max: 9} → {max: 8}", "{1: red} → {2: red}", "Some words → Other words", "id: note → id: notes", "app.user → app.name",
	} {
		from, to, _ := strings.Cut(change, " → ")
		if strings.Count(everything, from) == 0 {
			t.Fatalf("nothing reads %q", from)
		}
		mark := markOf(t, strings.Replace(everything, from, to, 1))
		if other, twice := marks[mark]; twice {
			t.Errorf("%s changes as much as %s", change, other)
		}
		marks[mark] = change
	}
	// The order of panels, and what only the server says.
	swapped := strings.Replace(everything, "  - id: note\n    type: text\n    content: Some words\n", "", 1)
	swapped = strings.Replace(swapped, "panels:\n", "panels:\n  - id: note\n    type: text\n    content: Some words\n", 1)
	if marks[markOf(t, swapped)] != "" {
		t.Error("another order of panels makes no other mark")
	}
	bare := "title: Bare\n" + board
	if a, b := bookOf(t, dashboard.Config{TimeZone: "Asia/Tokyo"}, "shop.yaml", bare), bookOf(t, dashboard.Config{MaxRows: 7}, "shop.yaml", bare); page(t, a, "/d/shop").Mark == page(t, b, "/d/shop").Mark {
		t.Error("servers that show a file otherwise have the same mark")
	}
}

// What is wrong with the newest version of a file is shown, so it is in the mark; and
// a page that was made before a change is no longer the current one.
func TestAMarkFollowsItsFile(t *testing.T) {
	t.Parallel()
	good := "title: Good\n" + board
	f := follow(t, map[string]string{"shop.yaml": good})
	first := page(t, f.book, "/d/shop")
	for _, step := range []struct{ text, current string }{
		{"title: Bad\npanels:\n  - id: a\n    qeury: SELECT 1\n", "another"},
		{good, first.Mark},
		{"title: Better\n" + board, "another"},
	} {
		f.replace("shop.yaml", step.text)
		f.expect("shop")
		p := page(t, f.book, "/d/shop")
		if now := f.book.Current(first); now != p.Mark || now != step.current && step.current != "another" || now == first.Mark && step.current == "another" {
			t.Errorf("after %.12q the mark of %s is %s, and its page has %s", step.text, first.Mark, now, p.Mark)
		}
	}
	f.remove("shop.yaml")
	f.expect("shop")
	if now := f.book.Current(first); now != "" {
		t.Errorf("a dashboard that is gone has the mark %s", now)
	}
}

// The mark of a table's page is that of what the catalog says, under any oid, and not
// of what the address chose, its rows or its bell.
func TestTheMarkOfATable(t *testing.T) {
	t.Parallel()
	const tables = `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE people (id int PRIMARY KEY, name text UNIQUE);
		CREATE TABLE notes (id int PRIMARY KEY, text text, mood mood, author int, reader text, size int);`
	const here, there = `ALTER TABLE notes ADD FOREIGN KEY (author) REFERENCES people; ALTER TABLE notes ADD FOREIGN KEY (reader) REFERENCES people (name);`,
		`ALTER TABLE notes ADD FOREIGN KEY (reader) REFERENCES people (name); ALTER TABLE notes ADD FOREIGN KEY (author) REFERENCES people;`
	pool, other := database(t, tables+here), database(t, "CREATE TABLE before (id int);"+tables+there)
	b := open(t, pool, nil)
	p := page(t, b, "/t/public.notes")
	want := p.Mark
	if len(want) != 16 || b.Current(p) != want {
		t.Fatalf("the mark is %q, and now %q", want, b.Current(p))
	}
	if got := page(t, open(t, other, nil), "/t/public.notes").Mark; got != want {
		t.Error("the same table in another database has another mark")
	}
	for _, address := range []string{"?sort=text", "?where=size.gt.3", "?columns=id,text&rows=50", "?search=x&page=2"} {
		if got := page(t, b, "/t/public.notes"+address).Mark; got != want {
			t.Errorf("%s has another mark", address)
		}
	}
	exec(t, pool, `INSERT INTO notes (id, size) SELECT n, n FROM generate_series(1, 1000) n; ANALYZE notes; CREATE INDEX ON notes (size)`)
	if got := page(t, b, "/t/public.notes").Mark; got != want {
		t.Error("rows and an index make another mark")
	}
	seen := map[string]string{want: "nothing"}
	for _, sql := range []string{
		`ALTER TABLE notes ADD COLUMN more text`, `ALTER TABLE notes RENAME more TO most`, `ALTER TABLE notes ALTER size TYPE bigint`, `ALTER TABLE notes ALTER size SET NOT NULL`,
		`ALTER TYPE mood ADD VALUE 'glad'`, `ALTER TABLE notes DROP CONSTRAINT notes_author_fkey`, `CREATE TABLE replies (note int REFERENCES notes)`,
		`ALTER TABLE notes DROP CONSTRAINT notes_pkey CASCADE`,
	} {
		exec(t, pool, sql)
		mark := page(t, b, "/t/public.notes").Mark
		if other, twice := seen[mark]; twice {
			t.Errorf("after %q the mark is that after %q", sql, other)
		}
		seen[mark] = sql
	}
}
