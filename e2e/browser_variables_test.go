package e2e_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/rowcast/rowcast/internal/pgtest"
)

const orders = `
CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, country text NOT NULL, city text NOT NULL, total numeric NOT NULL, placed_at timestamptz NOT NULL DEFAULT now());
INSERT INTO orders VALUES (1, 'open', 'DE', 'Berlin', 10), (2, 'paid', 'DE', 'Bonn', 20.5), (3, 'paid', 'NL', 'Utrecht', 30), (4, 'sent', 'NL', 'Delft', 40);`

const ordersPage = `title: Orders
timezone: Europe/Berlin
variables:
  - name: status
    label: Status
    options: [all, {value: paid, label: Paid for}, open, sent]
  - name: country
    label: Country
    query: SELECT DISTINCT country FROM orders ORDER BY 1
  - name: city
    label: City
    query: SELECT DISTINCT city FROM orders WHERE @country::text IS NULL OR country = @country ORDER BY 1
    multiple: true
    strict: true
  - {name: least, label: Total from, type: number}
  - {name: find, label: Find}
panels:
  - id: list
    query: |
      SELECT id, status, country, city, total FROM orders
      WHERE (@status = 'all' OR status = @status) AND (@country::text IS NULL OR country = @country) AND (@city IS NULL OR city = ANY(@city))
        AND (@least IS NULL OR total >= @least) AND (@find::text IS NULL OR city ILIKE '%' || @find || '%')
      ORDER BY id
`

// ids are the rows that are shown, as in "1,2,3".
const ids = `[...document.querySelectorAll('[data-panel="list"] tbody tr:not(.leaving)')].map((tr) => tr.cells[0].innerText).join()`

// shows waits for exactly these rows.
func (w *tab) shows(rows string) {
	w.Helper()
	w.until("the rows "+rows, ids+` === `+quoted(rows))
}

// at waits for an address, without what stands before its path.
func (w *tab) at(address string) {
	w.Helper()
	w.until("the address "+address, `location.pathname + location.search === `+quoted(address))
}

// choose picks an option of a list, as a reader does.
func (w *tab) choose(name, value string) {
	w.Helper()
	w.do("choose "+value, chromedp.Focus(chromedp.CSS(`select[name=`+name+`]`)))
	w.run(`const s = document.querySelector("select[name=` + name + `]"); s.value = ` + quoted(value) + `; s.dispatchEvent(new Event("change", { bubbles: true }))`)
}

// pick opens a box and clicks on one of its options; the box stays open.
func (w *tab) pick(name, label string) {
	w.Helper()
	if !ask[bool](w, `document.querySelector("#pick-`+name+`").matches(":popover-open")`) {
		w.click(`[popovertarget="pick-` + name + `"]`)
	}
	w.until("the box", `document.querySelector('[popovertarget="pick-`+name+`"]').ariaExpanded === "true"`)
	w.until("the option "+label, option(name, label))
	w.run(`const o = ` + option(name, label) + `; o.scrollIntoView(); o.id = "wanted"`)
	w.click("#wanted")
	w.run(`document.querySelector("#wanted").removeAttribute("id")`)
}

// option is the label of an option in a box.
func option(name, label string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#pick-%s .option")].find((o) => o.innerText.trim() === %s)`, name, quoted(label))
}

// A choice changes what is shown and the address, without a reload; a link shows
// the same to somebody else; and the way back leads back.
func testVariables(t *testing.T, b *browser) {
	server, db := serve(t, orders, "--dashboards", dashboards(t, map[string]string{"orders.yaml": ordersPage}))
	w := b.tab(t)
	w.watch(server.URL + "d/orders")
	w.shows("1,2,3,4")
	w.run(`
		window.row = document.querySelector("tbody tr:nth-child(2)");
		window.said = [];
		new MutationObserver(() => said.push(document.querySelector("#live").dataset.state + " " + document.querySelector("#banner").hidden))
			.observe(document.body, { subtree: true, attributeFilter: ["data-state", "hidden"] })`)
	w.choose("status", "paid")
	w.shows("2,3")
	w.at("/d/orders?status=paid")
	w.until("the page as it is", `!document.body.ariaBusy`)
	if said := ask[[]string](w, `said.filter((s) => s !== "live true")`); len(said) > 0 {
		t.Errorf("on its way the page says %q", said)
	}
	if !ask[bool](w, `row === document.querySelector("tbody tr") && document.activeElement === document.querySelector("select[name=status]")`) {
		t.Error("a row that stays is another element, or the focus went elsewhere")
	}
	if !ask[bool](w, `!document.querySelector(".flash, tr.fresh, .panel.beat")`) {
		t.Error("what was chosen is shown as if it had changed")
	}
	w.until("the file's address", `(({ pathname, search }) => pathname + search)(document.querySelector("a[download]")) === "/d/orders/list.csv?status=paid"`)

	// It is as live as it was.
	db.Exec(t, `UPDATE orders SET status = 'paid' WHERE id = 4`)
	w.shows("2,3,4")

	// Nothing chosen is all; two of several are two.
	w.pick("city", "Delft")
	w.pick("city", "Bonn")
	w.shows("2,4")
	w.at("/d/orders?status=paid&city=Bonn&city=Delft")
	if got := ask[string](w, `document.querySelector('[popovertarget="pick-city"] b').innerText`); got != "Bonn, Delft" {
		t.Errorf("the bar says %q", got)
	}
	w.do("close the box", pressed(kb.Escape))
	w.until("the box closed, the focus on its button", `!document.querySelector(":popover-open") && document.activeElement === document.querySelector('[popovertarget="pick-city"]')`)

	other := b.tab(t)
	other.watch(server.URL + strings.TrimPrefix(ask[string](w, `location.pathname + location.search`), "/"))
	other.shows("2,4")
	if got := ask[string](other, `document.querySelector('[popovertarget="pick-city"] b').innerText + ", " + document.querySelector("select[name=status]").selectedOptions[0].text`); got != "Bonn, Delft, Paid for" {
		t.Errorf("somebody else's bar says %q", got)
	}

	// A wall has no bar: its head says what was chosen.
	if ask[bool](other, `document.querySelector("[data-said]").checkVisibility()`) {
		t.Error("a page with a bar says in its head too what was chosen")
	}
	other.watch(server.URL + "d/orders?kiosk&status=paid&city=Bonn&city=Delft")
	other.until("what was chosen", `document.querySelector("[data-said]").checkVisibility() && document.querySelector("[data-said]").innerText === "Status: Paid for · City: Bonn, Delft"`)

	w.run(`history.back()`)
	w.at("/d/orders?status=paid")
	w.shows("2,3,4")
	w.until("the bar to follow", `document.querySelector('[popovertarget="pick-city"] b').innerText === "any" && !document.querySelector("#pick-city :checked")`)
	w.run(`history.back()`)
	w.at("/d/orders")
	w.shows("1,2,3,4")
	w.until("the bar to follow", `document.querySelector("select[name=status]").value === "all"`)
	w.run(`history.forward()`)
	w.shows("2,3,4")
	w.until("the bar to follow", `document.querySelector("select[name=status]").value === "paid"`)
	w.stayed()
}

// A text is taken after a pause or with Enter; what is no number is not taken.
func testTypedVariables(t *testing.T, b *browser) {
	server, _ := serve(t, orders, "--dashboards", dashboards(t, map[string]string{"orders.yaml": ordersPage}))
	w := b.tab(t)
	w.watch(server.URL + "d/orders")
	before := ask[int](w, `history.length`)
	w.do("type", chromedp.Focus(chromedp.CSS("input[name=find]")), pressed("u"))
	w.shows("3")
	w.do("type on", pressed("x"))
	w.shows("")
	w.at("/d/orders?find=ux")
	w.do("take it back", pressed(kb.Backspace), pressed(kb.Backspace), pressed("n"), pressed(kb.Enter))
	w.shows("1,2")
	w.at("/d/orders?find=n")
	if got := ask[int](w, `history.length`) - before; got != 1 {
		t.Errorf("one word that was typed makes %d entries of the history, want 1", got)
	}
	if !ask[bool](w, `document.activeElement === document.querySelector("input[name=find]") && document.activeElement.value === "n" && document.activeElement.selectionStart === 1`) {
		t.Error("the field lost the focus, its text or the place in it")
	}
	w.do("a number", chromedp.Focus(chromedp.CSS("input[name=least]")), pressed("2"), pressed("0"), pressed("."), pressed("5"), pressed("0"), pressed(kb.Enter))
	w.shows("2")
	w.at("/d/orders?least=20.5&find=n")
	w.do("no number", pressed("x"), pressed(kb.Enter))
	if !ask[bool](w, `document.querySelector("input[name=least]").validity.patternMismatch`) {
		t.Error("what is no number is valid")
	}
	w.shows("2")
	w.at("/d/orders?least=20.5&find=n")
	w.run(`history.back()`)
	w.at("/d/orders?find=n")
	w.shows("1,2")
	w.stayed()
}

// What can be chosen follows the database and what else is chosen.
func testDependentVariables(t *testing.T, b *browser) {
	server, db := serve(t, orders, "--dashboards", dashboards(t, map[string]string{"orders.yaml": ordersPage, "trouble.yaml": `title: Trouble
variables: [{name: v, label: Broken, query: SELECT 1 / 0, multiple: true}]
panels: [{id: list, query: "SELECT id FROM orders WHERE @v IS NULL ORDER BY id"}]
`}))
	w := b.tab(t)
	w.watch(server.URL + "d/orders?country=DE&city=Berlin&city=Bonn")
	w.shows("1,2")
	const cities = `[...document.querySelectorAll("#pick-city .option")].map((o) => o.textContent.trim()).join()`
	if got := ask[string](w, cities); got != "Berlin,Bonn" {
		t.Errorf("the cities are %s", got)
	}
	// A new option comes with its commit, and leaves the focus where it is.
	w.click(`[popovertarget="pick-city"]`)
	w.until("the box", `document.querySelector("#pick-city").contains(document.activeElement)`)
	w.run(`window.tick = document.querySelector('#pick-city [value="Bonn"]'); tick.focus()`)
	db.Exec(t, `INSERT INTO orders VALUES (5, 'open', 'DE', 'Bochum', 50), (6, 'open', 'AT', 'Graz', 60)`)
	w.until("the new city", cities+` === "Berlin,Bochum,Bonn"`)
	w.until("the new country", `[...document.querySelector("select[name=country]").options].map((o) => o.text).join() === "any,AT,DE,NL"`)
	if !ask[bool](w, `document.activeElement === tick && tick.checked`) {
		t.Error("a new option took the focus or the choice")
	}
	db.Exec(t, `UPDATE orders SET city = 'Bremen' WHERE id = 1`) // what is chosen stays among the options
	w.until("the renamed city", cities+` === "Berlin,Bochum,Bonn,Bremen"`)
	db.Exec(t, `UPDATE orders SET city = 'Berlin' WHERE id = 1`)
	w.until("the old name", cities+` === "Berlin,Bochum,Bonn"`)
	db.Exec(t, `UPDATE orders SET city = 'Aachen' WHERE id = 5`)
	w.until("another city before it", cities+` === "Aachen,Berlin,Bonn"`)
	db.Exec(t, `UPDATE orders SET city = 'Bochum' WHERE id = 5`)
	w.until("that city gone", cities+` === "Berlin,Bochum,Bonn"`)
	if !ask[bool](w, `document.activeElement === tick`) {
		t.Error("an option that left took the focus with it")
	}
	w.pick("city", "Bochum")
	w.shows("1,2,5")
	w.at("/d/orders?country=DE&city=Berlin&city=Bochum&city=Bonn")
	w.do("close the box", pressed(kb.Escape))

	// Another country: its cities, and none of the others.
	w.choose("country", "NL")
	w.shows("3,4")
	w.at("/d/orders?country=NL")
	w.until("the country's cities", cities+` === "Delft,Utrecht" && document.querySelector('[popovertarget="pick-city"] b').innerText === "any"`)

	// While the page is paused, the bar is not.
	w.click("#live [data-do=pause]")
	db.Exec(t, `INSERT INTO orders VALUES (7, 'open', 'NL', 'Almelo', 70)`)
	w.says("1 new")
	w.until("the new city", cities+` === "Almelo,Delft,Utrecht"`)
	w.stayed()

	// What cannot be read is said where it is missing; the rows are there all the same.
	w.open(server.URL + "d/trouble")
	w.shows("1,2,3,4,5,6,7")
	w.until("the trouble", `document.querySelector("[data-trouble] .pick-note")?.textContent === "The options cannot be read: division by zero"`)
}

// A range that ends now slides; other ranges stand still.
func testTimeRanges(t *testing.T, b *browser) {
	server, db := serve(t, `CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamptz NOT NULL DEFAULT now());
		INSERT INTO orders VALUES (1, now() - interval '2 hours'), (2, '2026-03-01 10:00+01'), (3, '2026-03-01 12:00+01');`,
		"--dashboards", dashboards(t, map[string]string{"orders.yaml": `title: Orders
timezone: Europe/Berlin
variables:
  - {name: range, label: Placed, type: range, default: last 4s}
panels:
  - id: list
    query: SELECT id, placed_at FROM orders WHERE placed_at >= @range_from AND placed_at < @range_to ORDER BY id
`, "days.yaml": `timezone: Europe/Berlin
variables: [{name: day, label: Day, type: date, default: today-7}]
panels: [{id: list, key: id, query: "SELECT id, @day AS day FROM orders WHERE id = 1"}]
`}))
	w := b.tab(t)
	w.watch(server.URL + "d/orders")
	w.shows("")
	if !ask[bool](w, `document.querySelector("form.vars").checkValidity()`) {
		t.Error("a field in a box that is closed holds up the bar's form")
	}
	db.Exec(t, `INSERT INTO orders VALUES (4)`)
	w.shows("4")
	w.live()
	w.shows("") // by time alone
	w.pick("range", "Last 6 h")
	w.at("/d/orders?range=last-6h")
	w.shows("1,4")
	w.until("the box to close", `!document.querySelector(":popover-open")`)

	w.click(`[popovertarget="pick-range"]`)
	w.until("the box", `document.querySelector("#pick-range").contains(document.activeElement)`)
	w.run(`
		const [from, to] = document.querySelectorAll("[data-end]");
		window.began = from.value;
		[from.value, to.value] = ["2026-03-01T10:00", "2026-03-01T10:00"]`)
	if !ask[bool](w, `/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(began)`) {
		t.Errorf("the box begins with %q", ask[string](w, `began`))
	}
	w.click("[data-pick=moments]")
	if !ask[bool](w, `document.querySelector("[data-end=to]").validity.customError && !!document.querySelector(":popover-open")`) {
		t.Error("a range of no length is taken")
	}
	w.run(`document.querySelector("[data-end=to]").value = "2026-03-01T12:00"`)
	w.click("[data-pick=moments]")
	w.at("/d/orders?range=" + url.QueryEscape("2026-03-01T10:00..2026-03-01T12:00"))
	w.shows("2") // by the dashboard's clock, and without its end
	if got := ask[string](w, `document.querySelector('[popovertarget="pick-range"] b').innerText`); got != "2026-03-01 10:00 – 12:00" {
		t.Errorf("the bar says %q", got)
	}
	w.run(`history.back()`)
	w.shows("1,4")
	w.click(`[popovertarget="pick-range"]`)
	w.until("the box, and in it where the range is", `document.querySelector("#pick-range").contains(document.activeElement) && document.querySelector("[data-enter=last]").value + document.querySelector("[data-unit]").value === "6h"`)
	w.run(`[document.querySelector("[data-enter=last]").value, document.querySelector("[data-unit]").value] = ["99999", "d"]`)
	w.click("[data-pick=last]")
	if !ask[bool](w, `document.querySelector("[data-enter=last]").validity.customError && !!document.querySelector(":popover-open")`) {
		t.Error("a range of centuries is taken")
	}
	w.run(`[document.querySelector("[data-enter=last]").value, document.querySelector("[data-unit]").value] = ["3", "d"]`)
	w.click("[data-pick=last]")
	w.at("/d/orders?range=last-3d")
	w.until("the bar to follow", `document.querySelector('[popovertarget="pick-range"] b').innerText === "Last 3 d" && !document.querySelector(":popover-open")`)
	w.run(`history.back()`)
	w.until("the bar to follow", `document.querySelector('[popovertarget="pick-range"] b').innerText === "Last 6 h" && document.querySelector("#pick-range :checked").value === "last-6h"`)
	w.stayed()
	days(t, w, db, server.URL)
}

// days chooses days that go with the calendar, and one that stays.
func days(t *testing.T, w *tab, db *pgtest.DB, url string) {
	w.open(url + "d/days")
	w.live()
	conn := db.Conn(t)
	day := func(by int) (day string) {
		if err := conn.QueryRow(t.Context(), `SELECT ((now() AT TIME ZONE 'Europe/Berlin')::date + $1::int)::text`, by).Scan(&day); err != nil {
			t.Fatal(err)
		}
		return day
	}
	shown := func(day string) {
		w.until("the day "+day, fmt.Sprintf(`document.querySelector("tbody td:last-child").innerText.trim() === %q`, day))
	}
	said := func(text string) {
		w.until("the bar to say "+text, fmt.Sprintf(`document.querySelector('[popovertarget="pick-day"] b').innerText === %q`, text))
	}
	said("7 days ago")
	shown(day(-7))
	w.pick("day", "Yesterday")
	w.at("/d/days?day=yesterday")
	shown(day(-1))
	w.click(`[popovertarget="pick-day"]`)
	w.until("the box", `document.querySelector("#pick-day").contains(document.activeElement)`)
	w.run(`document.querySelector("[data-enter=day]").value = "2026-02-28"`)
	w.click("[data-pick=day]")
	w.at("/d/days?day=2026-02-28")
	said("2026-02-28")
	shown("2026-02-28")
	w.pick("day", "7 days ago")
	w.at("/d/days")
	shown(day(-7))
}
