package views_test

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"github.com/rowcast/rowcast/views"
)

var now = time.Date(2026, 11, 20, 14, 32, 8, 0, time.UTC)

// samples are believable pages, one of each kind and state.
func samples() map[string]templ.Component {
	shop := shopPage()
	stale := shopPage()
	stale.Banner = &views.Banner{Kind: "warn", Head: "Stale since 14:31:46.", Text: "The database does not answer; what you see is 22 s old."}
	broken := shopPage()
	broken.Problem = &views.Problem{Title: "Shop", Where: "shop.yaml:31:16", What: `column "chanel" does not exist`, Hint: "Perhaps you meant channel.",
		Excerpt: "  30 |     query: |\n> 31 |       SELECT chanel, sum(total) AS revenue\n     |              ^\n  32 |       FROM orders GROUP BY 1"}
	wall := shopPage()
	wall.Kiosk = true
	return map[string]templ.Component{
		"index":       views.IndexPage(indexPage(true)),
		"first":       views.IndexPage(indexPage(false)),
		"shop":        views.DashboardPage(shop),
		"stale":       views.DashboardPage(stale),
		"broken":      views.DashboardPage(broken),
		"wall":        views.DashboardPage(wall),
		"states":      views.DashboardPage(statesPage()),
		"charts":      views.DashboardPage(chartsPage()),
		"cells":       views.DashboardPage(cellsPage()),
		"table":       views.TableView(tablePage(40)),
		"table-empty": views.TableView(tablePage(0)),
		"lost":        views.NoticePage(views.Notice{Chrome: chrome("Not found", views.Crumb{Text: "shpo", Href: "/d/shpo"}), Code: "404", Head: "There is no page at /d/shpo", Text: "It may have been renamed: the file's name is the address."}),
		"denied":      views.NoticePage(views.Notice{Chrome: chrome("Not for this role"), Icon: "lock", Head: "Not for this role", Text: "rowcast_reader may not read hr.salaries. Whoever owns the table can run:", Command: "GRANT SELECT ON hr.salaries TO rowcast_reader;"}),
		"starting":    views.NoticePage(views.Notice{Chrome: chrome("The database refuses the connection"), Icon: "unplug", Head: "The database refuses the connection", Text: "db-1.internal:5432 answered:", Detail: `password authentication failed for user "rowcast"`, Command: "rowcast doctor", Hint: "says what this role may do and prints the SQL that mends it. This page tries again every 3 s.", Retry: 3}),
	}
}

func chrome(title string, place ...views.Crumb) views.Chrome {
	return views.Chrome{Title: title, Database: "paperie", Place: place,
		Jump: []views.JumpGroup{
			{Title: "Dashboards", Targets: []views.JumpTarget{{Text: "Shop", Href: "/shop.html", Icon: "layout-dashboard"}, {Text: "Stock", Href: "/stock.html", Icon: "layout-dashboard"}}},
			{Title: "Tables", Targets: []views.JumpTarget{{Text: "public.orders", Note: "~2.1 M rows", Href: "/table.html", Icon: "table-2"}, {Text: "public.customers", Note: "~185 k rows", Href: "/table.html", Icon: "table-2"}}},
		},
		Assets: views.Assets{Styles: []string{"/static/css/rowcast.css"}, Script: "/static/js/main.js",
			Font: "/static/fonts/inter.woff2", Icons: "/static/icons/sprite.svg", Mark: "/static/icons/mark.svg"},
	}
}

func sampleDemo() *views.Demo {
	return &views.Demo{Action: "/demo/order", Label: "Insert an order", Command: `psql "$DEMO_URL" -c "INSERT INTO orders (customer_id, status, total) VALUES (1, 'pending', 19.90)"`}
}

func liveOf(page string) views.Live {
	return views.Live{Page: page, Cursor: "k3f9:17", Socket: "/live", At: "2026-11-20T14:32:08.412Z", Clock: views.Clock(now)}
}

var statusColors = map[string]string{"pending": "amber", "paid": "teal", "shipped": "grey", "refunded": "red"}

func panel(id, title, typ string, width int, fields []views.Field, values ...[]string) views.Panel {
	p := views.Panel{ID: id, Title: title, Type: typ, Width: width, Limit: 50, Columns: views.Describe(fields, false), Formats: map[string]views.Format{}, CSV: "/d/shop/" + id + ".csv"}
	for _, f := range fields {
		p.Formats[f.Name] = f.Format
	}
	p.Rows = rows(p.Columns, values)
	if typ == "stat" {
		p.Unit = fields[0].Format.Unit
		p.DrawStat(nil, nil)
	}
	return p
}

func rows(columns []views.Column, values [][]string) []views.Row {
	var list []views.Row
	for _, v := range values {
		r := views.Row{Key: fmt.Sprintf("[%q]", v[0])}
		for i, c := range columns {
			r.Cells = append(r.Cells, c.Cell(v[i], v[i] == "NULL", now))
		}
		list = append(list, r)
	}
	return list
}

var (
	people   = []string{"Aiko Tanabe", "Dimitri Volkov", "Jonas Lindqvist", "Elif Demir", "Rafael Duarte", "Marta Kowalczyk", "Théo Lambert", "Niamh Byrne", "Noor van Dijk", "Viktor Szabó"}
	statuses = []string{"pending", "paid", "paid", "shipped", "paid", "shipped", "shipped", "refunded", "shipped", "shipped"}
	channels = []string{"web", "market", "web", "phone"}
)

func orders(n int, wide bool) [][]string {
	var list [][]string
	for i := range n {
		at := now.Add(-time.Duration(i*i*7+3) * time.Second)
		id, total := fmt.Sprint(48419-i), fmt.Sprintf("%d.%02d", 4+(i*37)%140, (i*35)%100)
		if !wide {
			list = append(list, []string{id, people[i%10], statuses[i%10], fmt.Sprint(1 + i%4), channels[i%4], total, at.Format("2006-01-02 15:04:05.000-07")})
			continue
		}
		note, meta := "NULL", `{"source": {"campaign": "autumn-letter"}, "device": "desktop"}`
		if i%4 == 1 {
			note = "leave with the neighbour on the second floor, and ring twice because the bell is broken"
		}
		list = append(list, []string{id, at.Format("2006-01-02 15:04:05.000-07"), statuses[i%10], fmt.Sprint(1031 + i*7), total, fmt.Sprint(1 + i%4), channels[i%4], []string{"t", "f"}[i%2],
			fmt.Sprintf("3f2504e0-4f89-41d3-9a0c-%012d", i), note, meta, at.Add(4 * time.Second).Format("2006-01-02 15:04:05.000-07")})
	}
	return list
}

// sampleVariables are one of each kind.
func sampleVariables() []views.Variable {
	options := func(values ...string) (list []views.Option) {
		for _, v := range values {
			list = append(list, views.Option{Value: v, Label: v})
		}
		return list
	}
	return []views.Variable{
		{Name: "status", Label: "Status", Type: "select", Values: []string{"all"}, Defaults: []string{"all"}, Options: options("all", "pending", "paid", "shipped")},
		{Name: "channel", Label: "Channel", Type: "select", Multiple: true, Values: []string{"web", "phone"}, Options: options("web", "market", "phone")},
		{Name: "range", Label: "Placed", Type: "range", Values: []string{"last-15m"}, Defaults: []string{"last-1h"}, Options: options("last-5m", "last-15m"), Zone: "Europe/Berlin"},
		{Name: "least", Label: "Total from", Type: "number", Values: []string{"20"}, Defaults: []string{""}},
		{Name: "day", Label: "Day", Type: "date", Values: []string{""}, Defaults: []string{""}},
		{Name: "customer", Label: "Customer", Type: "text", Values: []string{""}, Defaults: []string{""}, Options: options("Aiko Tanabe")},
	}
}

func shopPage() views.Dashboard {
	eur := views.Format{Unit: "EUR"}
	d := views.Dashboard{Chrome: chrome("Shop", views.Crumb{Text: "Shop", Href: "/d/shop"}), Live: liveOf("/d/shop"), Title: "Shop", Description: "What is selling right now", Demo: sampleDemo(),
		Variables: sampleVariables(),
		Panels: []views.Panel{
			panel("revenue", "Revenue today", "stat", 3, []views.Field{{Name: "revenue", Type: "numeric", Format: eur}, {Name: "orders", Type: "int8"}}, []string{"7268.65", "166"}),
			panel("orders", "Orders today", "stat", 3, []views.Field{{Name: "count", Type: "int8"}}, []string{"1166"}),
			panel("basket", "Average basket", "stat", 3, []views.Field{{Name: "avg", Type: "numeric", Format: eur}}, []string{"43.7900000000000000"}),
			panel("oldest", "Oldest unpaid order", "stat", 3, []views.Field{{Name: "min", Type: "int4", Format: views.Format{Unit: "min"}}, {Name: "order", Type: "text"}}, []string{"47", "order 48127"}),
			panel("latest", "Latest orders", "table", 8, []views.Field{{Name: "id", Type: "int8"}, {Name: "customer", Type: "text"}, {Name: "status", Type: "text", Format: views.Format{Colors: statusColors}}, {Name: "items", Type: "int8"}, {Name: "channel", Type: "text"}, {Name: "total", Type: "numeric", Format: eur}, {Name: "placed_at", Type: "timestamptz", Format: views.Format{Label: "Placed"}}}, orders(14, false)...),
			panel("by_status", "Orders by status", "table", 4, []views.Field{{Name: "status", Type: "text", Format: views.Format{Colors: statusColors}}, {Name: "orders", Type: "int8"}, {Name: "revenue", Type: "numeric", Format: eur}}, []string{"pending", "19", "812.40"}, []string{"paid", "68", "2984.10"}, []string{"shipped", "267", "11590.75"}, []string{"refunded", "13", "-240.00"}),
			panel("stock", "Low stock", "table", 4, []views.Field{{Name: "product", Type: "text"}, {Name: "on_hand", Type: "int4"}}, []string{"Ink 50 ml, Prussian blue", "3"}, []string{"Notebook A5 dotted, linen", "7"}, []string{"Fountain pen M, brass", "4"}, []string{"Letterpress cards, set of 8", "11"}),
		}}
	d.Panels[4].Note, d.Panels[4].Truncated, d.Panels[4].Height = "newest 50", true, 2
	d.Panels[6].Note, d.Panels[6].AsOf = "every 60 s", "14:31:30"
	return d
}

// cellsPage has a value of each kind, and a stat with all that it can have.
func cellsPage() views.Dashboard {
	d := views.Dashboard{Chrome: chrome("Cells", views.Crumb{Text: "Cells", Href: "/d/cells"}), Live: liveOf("/d/cells"), Title: "Cells"}
	most := 100.0
	over := []views.Threshold{{From: 80, Color: "amber"}, {From: 95, Color: "red"}}
	all := panel("all", "Everything", "table", 12, []views.Field{
		{Name: "id", Type: "int8", Format: views.Format{Hidden: true}}, {Name: "name", Type: "text", Format: views.Format{Link: "/t/public.things?where=id.is.{id}", Width: 20}},
		{Name: "state", Type: "state", Enum: []string{"cart", "paid", "failed"}}, {Name: "ok", Type: "bool"}, {Name: "note", Type: "text"}, {Name: "meta", Type: "jsonb"},
		{Name: "token", Type: "uuid"}, {Name: "site", Type: "text"}, {Name: "tags", Type: "_text"}, {Name: "load", Type: "numeric", Format: views.Format{Bar: &views.Bar{Max: &most}, Thresholds: over}},
		{Name: "change", Type: "float8", Format: views.Format{Bar: &views.Bar{}}}, {Name: "size", Type: "int8", Format: views.Format{Format: "bytes"}},
	},
		[]string{"1", "<b id=x>", "paid", "t", "", `{"a": {"b": [1, 12345678901234567890]}}`, "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "https://example.com/a?b=1", `{red,"a b"}`, "97", "12.5", "1536"},
		[]string{"2", "Two", "failed", "f", "NULL", `"x"`, "3f2504e0-4f89-41d3-9a0c-0305e82c3302", `https://example.com/"id=x`, "{}", "82", "-4", "7"})
	views.Complete(all.Columns, all.Rows)
	money := panel("money", "Revenue today", "stat", 3, []views.Field{{Name: "revenue", Type: "numeric", Format: views.Format{Unit: "EUR"}}, {Name: "yesterday", Type: "numeric"}}, []string{"7268.65", "6708.45"})
	money.StatOptions = &views.StatOptions{Compare: "yesterday", Good: "up", Spark: "money.spark", Thresholds: []views.Threshold{{From: 5000, Color: "amber"}}}
	way := panel("way", "", "table", 12, []views.Field{{Name: "hour", Type: "int4"}, {Name: "n", Type: "int4"}}, []string{"1", "3"}, []string{"2", "8000"}, []string{"3", "5"})
	money.Companions = map[string]*views.Result{"money.spark": {Columns: way.Columns, Rows: way.Rows}}
	money.DrawStat(nil, money.Companions["money.spark"])
	d.Panels = []views.Panel{money, all}
	return d
}

func statesPage() views.Dashboard {
	by := []views.Field{{Name: "country", Type: "text"}, {Name: "orders", Type: "int8"}, {Name: "revenue", Type: "numeric", Format: views.Format{Unit: "EUR"}}}
	d := views.Dashboard{Chrome: chrome("States", views.Crumb{Text: "States", Href: "/d/states"}), Live: liveOf("/d/states"), Title: "States", Description: "Everything that is not the happy path"}
	loading := views.Panel{ID: "loading", Title: "Orders by channel", Type: "table", Width: 6}
	empty := panel("empty", "Refunds today", "table", 6, by)
	failed := views.Panel{ID: "failed", Title: "Revenue by channel", Type: "table", Width: 6, Source: &views.Source{Where: "shop.yaml, line 31, column 16", Lines: []views.SourceLine{{Number: 3, Before: "SELECT ", Mark: "chanel", After: ", sum(total) AS revenue"}, {Number: 4, Before: "FROM orders GROUP BY 1"}}}}
	failed.SetError("query_failed", `column "chanel" does not exist. Perhaps you meant channel.`)
	slow := panel("slow", "Orders by country", "table", 6, by, []string{"DE", "1204", "52910.40"}, []string{"NL", "688", "30114.95"})
	slow.SetError("timeout", "the query took longer than 5 s")
	denied := views.Panel{ID: "denied", Title: "Salaries", Type: "table", Width: 6}
	denied.SetError("forbidden", "rowcast_reader may not read hr.salaries. Whoever owns the table can run:")
	denied.Message.Command = "GRANT SELECT ON hr.salaries TO rowcast_reader;"
	none := panel("none", "Refunded", "stat", 6, []views.Field{{Name: "sum", Type: "numeric", Format: views.Format{Unit: "EUR"}}}, []string{"NULL"})
	d.Panels = []views.Panel{loading, empty, failed, slow, denied, none}
	return d
}

// figured is a panel of a type that draws its rows.
func figured(id, title string, c views.Chart, width int, fields []views.Field, values ...[]string) views.Panel {
	p := panel(id, title, c.Type, width, fields, values...)
	p.Chart, p.Unit = &c, c.Unit
	p.Draw(time.Time{})
	return p
}

func chartsPage() views.Dashboard {
	d := views.Dashboard{Chrome: chrome("Charts", views.Crumb{Text: "Charts", Href: "/d/charts"}), Live: liveOf("/d/charts"), Title: "Charts"}
	var hours, minutes [][]string
	for i := range 24 {
		at := now.Add(time.Duration(i-23) * time.Hour).Truncate(time.Hour).Format("2006-01-02 15:04:05-07")
		hours = append(hours, []string{at, "shipped", fmt.Sprint(5 + i*7%19)}, []string{at, "paid", fmt.Sprint(i % 5)})
		value := fmt.Sprint(40 + i*13%11)
		if i == 9 {
			value = "NULL"
		}
		minutes = append(minutes, []string{now.Add(time.Duration(i-23) * time.Minute).Truncate(time.Minute).Format("2006-01-02 15:04:05"), value})
	}
	status := views.Field{Name: "status", Type: "text", Format: views.Format{Colors: statusColors}}
	byHour := []views.Field{{Name: "hour", Type: "timestamptz"}, status, {Name: "orders", Type: "int8"}}
	counts := []views.Field{status, {Name: "orders", Type: "int8"}}
	target := 60.0
	text := views.Panel{ID: "note", Title: "On call", Type: "text", Width: 4, Text: views.Markdown("**Payments** wait: see [the table](/table.html).\n\n| a | b |\n|---|--:|\n| <b onclick=x>1</b> | 2 |")}
	d.Panels = []views.Panel{
		figured("bars", "Orders by hour", views.Chart{Type: "bar", X: "hour", Series: "status", Stacked: true, Order: []string{"shipped", "paid"}}, 8, byHour, hours...),
		figured("line", "Load", views.Chart{Type: "line", Unit: "%"}, 4, []views.Field{{Name: "minute", Type: "timestamp"}, {Name: "load", Type: "float8"}}, minutes...),
		figured("area", "Orders by hour", views.Chart{Type: "area", Series: "status", Stacked: true}, 6, byHour, hours...),
		figured("side", "Side by side", views.Chart{Type: "bar", Series: "status"}, 6, byHour, hours...),
		figured("wrong", "No such column", views.Chart{Type: "bar", X: "hours"}, 6, byHour, hours...),
		figured("none", "No rows", views.Chart{Type: "line"}, 6, byHour),
		{ID: "loading", Title: "Not there yet", Type: "area", Width: 6, Chart: &views.Chart{Type: "area"}},
		figured("donut", "Share", views.Chart{Type: "donut", Unit: "orders"}, 4, counts, []string{"shipped", "267"}, []string{"paid", "68"}, []string{"pending", "19"}),
		figured("progress", "Share", views.Chart{Type: "progress"}, 4, counts, []string{"shipped", "267"}, []string{"paid", "68"}),
		figured("gauge", "Open", views.Chart{Type: "gauge", Target: &target, Unit: "orders", Thresholds: []views.Threshold{{From: 40, Color: "amber"}}}, 3, counts[1:], []string{"44"}),
		text,
	}
	return d
}

func tablePage(n int) views.TablePage {
	fields := []views.Field{{Name: "id", Type: "int8", Format: views.Format{Key: true}}, {Name: "placed_at", Type: "timestamptz"}, {Name: "status", Type: "order_status"}, {Name: "customer_id", Type: "int8"}, {Name: "total", Type: "numeric"}, {Name: "items", Type: "int4"}, {Name: "channel", Type: "text"}, {Name: "gift", Type: "bool"}, {Name: "token", Type: "uuid"}, {Name: "note", Type: "text"}, {Name: "metadata", Type: "jsonb"}, {Name: "updated_at", Type: "timestamptz"}}
	p := views.Panel{ID: "rows", Title: "Rows", Type: "table", Raw: true, Limit: 1000, Columns: views.Describe(fields, true), Truncated: n > 0, Formats: map[string]views.Format{"id": {Key: true}}}
	for i := range p.Columns {
		p.Columns[i].SortHref = "/t/public.orders?sort=" + p.Columns[i].Name
	}
	p.Columns[0].Sort = "descending"
	p.Rows = rows(p.Columns, orders(n, true))
	t := views.TablePage{Chrome: chrome("public.orders", views.Crumb{Quiet: "public.", Text: "orders", Href: "/t/public.orders"}), Live: liveOf("/t/public.orders"), Schema: "public", Name: "orders", Rows: p, Total: views.Count(2104880, true) + " rows", CSV: "/t/public.orders/rows.csv"}
	if n == 0 {
		t.Watch = "rowcast watch public.orders"
	}
	return t
}

func indexPage(boards bool) views.Index {
	m := views.Index{Chrome: chrome("paperie"), Title: "paperie", Sub: "PostgreSQL 16.4, 12 tables", Folder: "./dashboards", Counts: "6 live, 2 by the clock", Demo: sampleDemo(),
		Schemas: []views.Schema{
			{Name: "public", Tables: []views.TableLine{
				{Name: "orders", Href: "/table.html", State: "live", Word: "live", Columns: "id, placed_at, status, customer_id, total, items, channel, country, note, updated_at", Rows: views.Count(2104880, true)},
				{Name: "order_items", Href: "/table.html", State: "live", Word: "live", Columns: "order_id, product_id, quantity, price", Rows: views.Count(6318204, true)},
				{Name: "customers", Href: "/table.html", State: "live", Word: "live", Columns: "id, name, email, country, created_at", Rows: views.Count(184902, true)},
				{Name: "coupons", Href: "/table.html", State: "off", Word: "not watched", Columns: "code, percent, valid_until", Rows: views.Count(412, true)}}},
			{Name: "reporting", Tables: []views.TableLine{
				{Name: "revenue_by_day", Href: "/table.html", State: "timed", Word: "every 5 s", Kind: "materialized view", Columns: "day, revenue, orders", Rows: views.Count(1461, true)},
				{Name: "bank_lines", Href: "/table.html", State: "timed", Word: "every 5 s", Kind: "foreign table", Columns: "booked, amount, reference"}}},
		}}
	if boards {
		m.Dashboards = []views.Board{{Title: "Shop", Description: "What is selling right now", Href: "/shop.html"}, {Title: "Fulfilment", Description: "From paid to handed over", Href: "/shop.html"}, {Title: "Stock", Description: "What to reorder before noon", Href: "/shop.html", Problem: true}}
		m.Problems = []views.Problem{{Title: "Letters", Where: "letters.yaml:7:3", What: `unknown panel type "pie"`, Hint: "Panel types are table and stat.", Excerpt: "  6 |   - id: campaigns\n> 7 |     type: pie\n    |           ^"}}
	}
	return m
}
