package e2e_test

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// axePath is where npm puts axe-core; package.json names its version.
const axePath = "../node_modules/axe-core/axe.min.js"

// axeSource is the program that looks for what keeps people out.
func axeSource(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(axePath)
	if err == nil {
		return string(source)
	}
	const missing = "needs axe-core: npm install --ignore-scripts --no-save"
	if os.Getenv("ROWCAST_REQUIRE_ALL") == "1" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// accessible is a database with something for every kind of page and state.
const accessible = tasks + `
CREATE SCHEMA hr; CREATE TABLE hr.salaries (id int PRIMARY KEY, amount numeric);
CREATE TABLE nothing (id int PRIMARY KEY, v text);
CREATE TABLE events (id int PRIMARY KEY, at timestamptz NOT NULL, status text NOT NULL, n int NOT NULL, doc jsonb, ok bool);
INSERT INTO events SELECT i, now() - i * interval '1 minute', (ARRAY['open', 'done', 'late'])[1 + i % 3], i % 17, '{"a": [1, 2]}', i % 2 = 0 FROM generate_series(1, 12) i;` // few rows: every one is looked at for each view

const accessiblePage = `title: All of it
description: Every type and every state
variables:
  - {name: status, label: Status, options: [all, open, done], default: all}
  - {name: q, label: Search}
  - {name: city, label: City, multiple: true, query: "SELECT 'city ' || n FROM generate_series(10, 30) n ORDER BY 1"}
  - {name: range, label: Made, type: range}
  - {name: least, label: At least, type: number}
  - {name: day, label: Day, type: date}
panels:
  - {id: stat, title: Number, type: stat, unit: EUR, query: 'SELECT sum(n) AS n, count(*) AS rows FROM events'}
  - {id: gauge, title: Gauge, type: gauge, max: 2000, thresholds: {0: red, 100: amber}, query: 'SELECT sum(n) FROM events'}
  - {id: donut, title: Donut, type: donut, query: 'SELECT status, count(*) FROM events GROUP BY 1 ORDER BY 1'}
  - {id: bars, title: Bars, type: bar, stacked: true, x: at, y: n, series: status, query: "SELECT date_trunc('hour', at) AS at, status, sum(n) AS n FROM events GROUP BY 1, 2 ORDER BY 1, 2", columns: {status: {colors: {open: amber, done: green, late: red}}}}
  - {id: line, title: Line, type: line, query: 'SELECT at, n FROM events ORDER BY at'}
  - {id: progress, title: Progress, type: progress, query: 'SELECT status, count(*) FROM events GROUP BY 1 ORDER BY 1'}
  - {id: text, title: Text, type: text, content: "Ask **somebody**, or [look](https://example.com)."}
  - {id: rows, title: Rows, type: table, query: "SELECT id, status, n, at AS made_at, doc, ok FROM events WHERE @status = 'all' OR status = @status ORDER BY id", columns: {status: {colors: {open: amber, done: green, late: red}}}}
  - {id: none, title: Nothing, type: table, query: 'SELECT id, v FROM nothing'}
  - {id: wrong, title: Wrong, type: table, query: 'SELECT id, stauts FROM events'}
  - {id: denied, title: Denied, type: table, query: 'SELECT id, amount FROM hr.salaries'}
`

// Nothing in any page keeps people out who hear it, who use no mouse, or who
// see contrasts badly: on a laptop and on a phone, in both themes, which differ
// in their colours alone.
func testAccessible(t *testing.T, b *browser) {
	source := axeSource(t)
	folder := dashboards(t, map[string]string{"all.yaml": accessiblePage, "wrong.yaml": "title: Wrong\npanels:\n  - {id: a, typ: stat}\n"})
	db := pgtest.New(t)
	db.Script(t, accessible)
	server := start(t, binary(t), nil, "serve", "--database-url", reader(t, db), "--listen", "127.0.0.1:0", "--watch", "none", "--dashboards", folder)
	both := newCrew(t, 2)
	for _, width := range []int64{1440, 390} {
		both.run(fmt.Sprintf("%d wide", width), func(t *testing.T) {
			for _, view := range accessibleViews {
				t.Run(view.name, func(t *testing.T) {
					w := b.tab(t)
					w.allow(`Failed to load resource`) // some of these pages are errors
					w.size(width, 900)
					w.media("prefers-color-scheme", "light", "prefers-reduced-motion", "reduce")
					bypass := page.SetBypassCSPParams{Enabled: true} // axe is not of the page
					if _, err := chromedp.Call(w.ctx, page.SetBypassCSP, bypass); err != nil {
						t.Fatal(err)
					}
					w.open(server.URL + view.at)
					w.until("the page", view.ready)
					if view.open != "" {
						w.run(view.open)
						w.until("it to be open", view.opened)
					}
					w.keep(t.Name())
					w.do("bring axe", chromedp.Evaluate[chromedp.Void](source+"; undefined"))
					found := w.violations(`{}`)
					w.run(`window.light = getComputedStyle(document.body).backgroundColor`)
					w.media("prefers-color-scheme", "dark", "prefers-reduced-motion", "reduce")
					w.until("the dark theme", `getComputedStyle(document.body).backgroundColor !== light`)
					w.keep(t.Name() + " dark")
					for _, f := range append(found, w.violations(`{ runOnly: ["color-contrast", "link-in-text-block"] }`)...) {
						t.Error(f)
					}
				})
			}
		})
	}
	both.wait()
	w := b.tab(t)
	w.run(`document.body.append(document.createElement("input"))`)
	w.do("bring axe", chromedp.Evaluate[chromedp.Void](source+"; undefined"))
	if found := strings.Join(w.violations(`{}`), " "); !strings.Contains(found, "(label)") {
		t.Errorf("a field without a name is found as %q", found)
	}
	w.run(`document.body.innerHTML = '<p style="color: #ccc; background: #fff">a text that is hard to see</p>'`)
	if found := strings.Join(w.violations(`{ runOnly: ["color-contrast", "link-in-text-block"] }`), " "); !strings.Contains(found, "(color-contrast)") {
		t.Errorf("a text that is hard to see is found as %q", found)
	}
}

const (
	clocked = `document.querySelector("#live")?.dataset.state === "timed"`
	drawn   = clocked + ` && document.querySelector('[data-panel="line"] canvas') && !document.querySelector('[data-panel="wrong"] [data-problem]').hidden`
)

var accessibleViews = []struct{ name, at, ready, open, opened string }{
	{"the index", "", `document.querySelector("#known").dataset.state === "timed"`, "", ""},
	{"the index with nothing found", "", `document.querySelector("#find")`, `const f = document.querySelector("#find"); f.value = "zzz"; f.dispatchEvent(new Event("input"))`, `!document.querySelector("#none").hidden`},
	{"a dashboard", "d/all", drawn, "", ""},
	{"what stands behind Live", "d/all", drawn, `document.querySelector(".live-state").click()`, `document.querySelector("#details:popover-open h2")`},
	{"the palette", "d/all", drawn, `document.querySelector("[data-do=jump]").click()`, `document.querySelector("#palette[open] .item")`},
	{"the keys", "d/all", drawn, `dispatchEvent(new KeyboardEvent("keydown", { key: "?" }))`, `document.querySelector("#keys[open] kbd")`},
	{"a document as a tree", "d/all", drawn, `document.querySelector("td button.tree").click()`, `document.querySelector(".tree-pop:popover-open")`},
	{"a paused dashboard", "d/all", drawn, `document.querySelector("[data-do=pause]").click()`, `document.querySelector("#live").dataset.state === "paused"`},
	{"several of many", "d/all?city=city%2012", drawn, `document.querySelector('[popovertarget="pick-city"]').click()`, `document.activeElement.type === "search" || document.activeElement.checked`},
	{"a time range", "d/all", drawn, `document.querySelector('[popovertarget="pick-range"]').click()`, `document.activeElement.value === "last-1h"`},
	{"a wall", "d/all?kiosk", drawn, "", ""},
	{"a frame", "d/all?embed", drawn, "", ""},
	{"a table", "t/public.events", clocked, "", ""},
	{"a filtered table", "t/public.events?where=n.ge.3&where=n.le.9&where=doc.notnull&sort=status,-n&columns=id,status,n,doc", clocked + ` && document.querySelector(".filter.on")`, "", ""},
	{"the heads of a folded table", "t/public.events", clocked + ` && document.querySelector(".filter")`, `document.querySelector("[data-heads-button]").click()`, `document.querySelector(".heads")`},
	{"a filter that cannot be", "t/public.events", clocked + ` && document.querySelector(".filter")`, `const f = document.querySelector('input[aria-label$="ilter n"]'); if (f) { f.value = "many"; f.dispatchEvent(new Event("change")) }`, `document.querySelector(".filter.wrong")`},
	{"operators of a filter", "t/public.events", clocked + ` && document.querySelector(".filter")`, `document.querySelector(".filter .op").click()`, `document.querySelector("#filter-menu:popover-open")`},
	{"the columns of a table", "t/public.events?columns=id,n", clocked + ` && document.querySelector(".filter")`, `document.querySelector("[data-columns-button]").click()`, `document.querySelector(".columns:popover-open")`},
	{"ways to save", "t/public.events", clocked + ` && document.querySelector(".filter")`, `document.querySelector("[data-save-button]").click()`, `document.querySelector("#save:popover-open")`},
	{"a dashboard to copy", "t/public.events", clocked + ` && document.querySelector(".filter")`, `document.querySelector("[data-starter-button]").click()`, `document.querySelector("#starter[open]")`},
	{"an open row", "t/public.events", clocked + ` && document.querySelector(".filter")`, `document.querySelector("tbody tr").click()`, `document.querySelector('.drawer[open] [data-part="json"]')`},
	{"an open row of a dashboard", "d/all", drawn, `document.querySelector("[data-panel=rows] tbody tr").click()`, `document.querySelector('.drawer[open] [data-part="json"]')`},
	{"a table held still", "t/public.events", clocked + ` && document.querySelector(".filter")`, `const b = document.querySelector("[data-pill=rows]"); document.querySelectorAll("tbody td").forEach((td) => td.classList.add("waiting")); b.querySelector("span").textContent = "12 new, 3 changed"; b.hidden = false`, `true`},
	{"an empty table", "t/public.nothing", clocked, "", ""},
	{"a table that may not be read", "t/hr.salaries", `document.querySelector(".lost .code")`, "", ""},
	{"the server's status", "status", moving, "", ""},
	{"a page that is not there", "d/nowhere", `document.querySelector(".lost")`, "", ""},
	{"a dashboard that never was right", "d/wrong", `document.querySelector(".lost")`, "", ""},
}

// reader is the database's URL for a role that may read all but one schema.
func reader(t *testing.T, db *pgtest.DB) string {
	t.Helper()
	role := "reader_" + db.Name[:min(len(db.Name), 40)]
	db.Script(t, fmt.Sprintf(`CREATE ROLE %[1]q LOGIN; GRANT USAGE ON SCHEMA public, hr TO %[1]q; GRANT SELECT ON ALL TABLES IN SCHEMA public TO %[1]q`, role))
	t.Cleanup(func() { db.Script(t, fmt.Sprintf("DROP OWNED BY %[1]q; DROP ROLE %[1]q", role)) })
	u, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("user", role)
	u.User, u.RawQuery = nil, q.Encode()
	return u.String()
}

// violations lists the rules that the page breaks, and where. axe is there, and
// runs with these options.
func (w *tab) violations(options string) (list []string) {
	w.Helper()
	w.until("what fades to be gone", `document.getAnimations().every((a) => a.playState !== "running" || a.effect.getTiming().iterations === Infinity)`)
	type finding struct {
		ID, Help string
		Nodes    []string
	}
	w.run(`window.found = null; axe.run(document, { resultTypes: ["violations"], ...` + options + ` }).then((r) => {
		window.found = r.violations.map((v) => ({ ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 4).map((n) => n.html.slice(0, 200) + " — " + n.failureSummary.slice(0, 300)) }));
	}, (e) => { window.found = [{ ID: "axe", Help: String(e), Nodes: [] }] })`)
	w.until("axe's answer", `window.found`)
	for _, f := range ask[[]finding](w, `window.found`) {
		list = append(list, fmt.Sprintf("%s (%s)\n  %s", f.Help, f.ID, strings.Join(f.Nodes, "\n  ")))
	}
	return list
}
