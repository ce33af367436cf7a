package dashboard_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/internal/extended"
)

// everyType has one variable of each type, and a panel that shows what reaches
// PostgreSQL.
const everyType = `
timezone: Europe/Berlin
variables:
  - {name: q}
  - {name: status, options: [all, {value: paid, label: Paid for}, open], default: all}
  - {name: kinds, options: [web, phone, shop], multiple: true, default: [web]}
  - {name: tags, query: SELECT 'x', multiple: true}
  - {name: least, type: number}
  - {name: top, type: integer, default: 5}
  - {name: day, type: date}
  - {name: range, type: range, default: last 15m}
panels:
  - id: types
    query: |
      SELECT pg_typeof(@kinds)::text || pg_typeof(@tags) || pg_typeof(@least) || pg_typeof(@top) || pg_typeof(@day) || pg_typeof(@range_from)
  - id: values
    query: |
      SELECT concat_ws('|', @q::text, @status::text, @kinds, @tags, @least, @top + 1, @day + 1, @kinds[1])
  - id: range
    query: SELECT @range_from, @range_to, @range_to - @range_from
`

// TestCanonicalAddresses holds how each type is written, and that an address so
// written stays as it is.
func TestCanonicalAddresses(t *testing.T) {
	t.Parallel()
	b := open(t, nil, map[string]string{"x.yaml": everyType})
	if p := b.Problems(); len(p) > 0 {
		t.Fatal(p)
	}
	for asked, want := range map[string]string{
		"/d/x?status=all&q=&kinds=web&least=&top=5&day=&range=last-15m": "/d/x",
		"/d/x?range=&status=paid":                         "/d/x?status=paid",
		"/d/x?kinds=shop&kinds=web&kinds=shop":            "/d/x?kinds=web&kinds=shop", // in the order of the options
		"/d/x?kinds=":                                     "/d/x?kinds=",
		"/d/x?kinds=&kinds=phone":                         "/d/x?kinds=phone",
		"/d/x?tags=b&tags=a%20c&tags=b&tags=":             "/d/x?tags=a%20c&tags=b",
		"/d/x?tags=":                                      "/d/x",
		"/d/x?least=+007.50":                              "/d/x?least=7.5",
		"/d/x?least=-.5":                                  "/d/x?least=-0.5",
		"/d/x?least=-0.00":                                "/d/x?least=0",
		"/d/x?least=123456789012345678901234567890.10":    "/d/x?least=123456789012345678901234567890.1",
		"/d/x?top=%2B12":                                  "/d/x?top=12",
		"/d/x?top=":                                       "/d/x?top=",
		"/d/x?day=2026-11-20&top=7&q=a":                   "/d/x?q=a&top=7&day=2026-11-20",
		"/d/x?day=today%20-%2007":                         "/d/x?day=today-7",
		"/d/x?day=today%2B0":                              "/d/x?day=today",
		"/d/x?day=today-1":                                "/d/x?day=yesterday",
		"/d/x?day=today%2B2":                              "/d/x?day=today%2B2",
		"/d/x?range=last-60s":                             "/d/x?range=last-1m",
		"/d/x?range=last%2024h":                           "/d/x?range=last-24h",
		"/d/x?range=last-48h":                             "/d/x?range=last-48h", // a day is not always 24 hours
		"/d/x?range=last-900s":                            "/d/x",
		"/d/x?range=today":                                "/d/x?range=today",
		"/d/x?range=2026-11-20..2026-11-21T10:30:00":      "/d/x?range=2026-11-20T00%3A00..2026-11-21T10%3A30",
		"/d/x?range=2026-11-20T10:00:05..2026-11-20T12":   "",
		"/d/x?range=2026-11-20T10:00:05..2026-11-20T12:0": "",
		"/d/x?range=2026-11-20T10:00:05..2026-11-21":      "/d/x?range=2026-11-20T10%3A00%3A05..2026-11-21T00%3A00",
	} {
		if want == "" {
			refused(t, b, asked)
			continue
		}
		p := page(t, b, asked)
		if p.Address != want {
			t.Errorf("%s is %s, want %s", asked, p.Address, want)
		}
		if again := page(t, b, p.Address); again.Address != p.Address {
			t.Errorf("%s becomes %s", p.Address, again.Address)
		}
	}
	for asked, why := range map[string]string{
		"status=lost":                  `status cannot be "lost"; it is one of all, paid and open`,
		"kinds=web&kinds=fax":          `kinds cannot be "fax"; it is one of web, phone and shop`,
		"least=many":                   `least cannot be "many"; it is a number, such as 12 or 0.5`,
		"least=1e9":                    `least cannot be "1e9"; it is a number, such as 12 or 0.5`,
		"least=1,5":                    `least cannot be "1,5"; it is a number, such as 12 or 0.5`,
		"least=.":                      `least cannot be "."; it is a number, such as 12 or 0.5`,
		"top=1.5":                      `top cannot be "1.5"; it is a whole number`,
		"top=9223372036854775808":      `top cannot be "9223372036854775808"; it is a whole number`,
		"day=20.11.2026":               `day cannot be "20.11.2026"; it is a date, such as 2026-11-20, today, yesterday or today-7`,
		"day=2026-02-29":               `day cannot be "2026-02-29"; it is a date, such as 2026-11-20, today, yesterday or today-7`,
		"day=today7":                   `day cannot be "today7"; it is a date, such as 2026-11-20, today, yesterday or today-7`,
		"day=today-99999":              `day cannot be "today-99999"; it is a date, such as 2026-11-20, today, yesterday or today-7`,
		"range=last-15":                `range cannot be "last-15"; it is a time range, such as last-15m, today or 2026-11-20T10:00..2026-11-20T12:00`,
		"range=last-0m":                `range cannot be "last-0m"; it is a time range, such as last-15m, today or 2026-11-20T10:00..2026-11-20T12:00`,
		"range=last-99999d":            `range cannot be "last-99999d"; a time range is ten years at most`,
		"range=last-2000000000h":       `range cannot be "last-2000000000h"; a time range is ten years at most`,
		"range=last-m":                 `range cannot be "last-m"; it is a time range, such as last-15m, today or 2026-11-20T10:00..2026-11-20T12:00`,
		"range=2026-11-20..2026-11-20": `range cannot be "2026-11-20..2026-11-20"; a time range ends after it begins`,
		"q=" + strings.Repeat("%C3%A9", 700) + "&tags=" + strings.Repeat("é", 700): `the address is longer than 4096 bytes`,
	} {
		if got := refused(t, b, "/d/x?"+asked); got.Code != "bad_request" || got.Message != why {
			t.Errorf("%.50s: %s %q, want %q", asked, got.Code, got.Message, why)
		}
	}
}

// answer runs a panel as pages do, and gives the first row's cells.
func answer(t *testing.T, db extended.Pool, p *dashboard.Page, id string) []string {
	t.Helper()
	conn, err := db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	at := slices.IndexFunc(p.Panels, func(n dashboard.Panel) bool { return n.ID == id })
	var args [][]byte
	for _, a := range p.Panels[at].Args {
		if a == nil {
			args = append(args, nil)
		} else {
			args = append(args, []byte(*a))
		}
	}
	pg := conn.Conn().PgConn()
	if err := pg.Exec(t.Context(), "SET TimeZone = '"+p.TimeZone+"'").Close(); err != nil {
		t.Fatal(err)
	}
	res := pg.ExecParams(t.Context(), p.Panels[at].SQL, args, nil, nil, nil).Read()
	if res.Err != nil {
		t.Fatalf("%s: %v", p.Panels[at].SQL, res.Err)
	}
	var cells []string
	for _, row := range res.Rows {
		for _, c := range row {
			cells = append(cells, string(c))
		}
	}
	return cells
}

func TestWhatReachesPostgreSQL(t *testing.T) {
	t.Parallel()
	db := database(t, "")
	b := open(t, db, map[string]string{"x.yaml": everyType})
	p := page(t, b, "/d/x")
	if got := answer(t, db, p, "types")[0]; got != "text[]text[]numericbigintdatetimestamp with time zone" {
		t.Errorf("types are %s", got)
	}
	if got := answer(t, db, p, "values")[0]; got != "all|{web}|6|web" {
		t.Errorf("by default the values are %s", got)
	}
	p = page(t, b, "/d/x?q=it's%20@q&kinds=&tags=a%22%5Cb&tags=c,d&tags={}&tags=null&least=.1&top=41&day=2026-02-28")
	if got := answer(t, db, p, "values")[0]; got != `it's @q|all|{"a\"\\b","c,d","null","{}"}|0.1|42|2026-03-01` {
		t.Errorf("values are %s", got)
	}
	sql := p.Panels[2].SQL
	for address, want := range map[string]struct {
		length string
		pace   time.Duration
	}{
		"/d/x":                  {"00:15:00", 15 * time.Second},
		"/d/x?range=last-5s":    {"00:00:05", time.Second},
		"/d/x?range=last-30d":   {"30 days", time.Minute},
		"/d/x?range=today":      {"1 day", time.Minute},
		"/d/x?range=yesterday":  {"1 day", time.Minute},
		"/d/x?range=this-week":  {"7 days", time.Minute},
		"/d/x?range=this-month": {"", time.Minute},
		"/d/x?range=2026-11-20T10:00..2026-11-20T12:00": {"02:00:00", 0},
	} {
		p := page(t, b, address)
		n := p.Panels[2]
		if n.SQL != sql {
			t.Errorf("%s has a statement of its own: %s", address, n.SQL)
		}
		if n.Every != want.pace || n.Clock != (want.pace > 0) {
			t.Errorf("%s is read every %v, want %v", address, n.Every, want.pace)
		}
		got := answer(t, db, p, "range")
		if want.length != "" && got[2] != want.length && !strings.HasPrefix(want.length, "1 day") {
			t.Errorf("%s goes from %s to %s: %s, want %s", address, got[0], got[1], got[2], want.length)
		}
		if strings.HasPrefix(address, "/d/x?range=2026") && got[0] != "2026-11-20 10:00:00+01" {
			t.Errorf("%s begins at %s, want the dashboard's time zone", address, got[0])
		}
		if strings.HasSuffix(address, "day") && !strings.Contains(got[0], " 00:00:00+") {
			t.Errorf("%s begins at %s, want the dashboard's midnight", address, got[0])
		}
	}
}

// TestPaceOfARange holds that a file's own pace stands, and that a query that
// names the clock besides is read as often as either needs.
func TestPaceOfARange(t *testing.T) {
	t.Parallel()
	b := open(t, nil, map[string]string{"x.yaml": `
variables: [{name: r, type: range}]
panels:
  - {id: own, query: SELECT @r_from, every: 3s}
  - {id: clock, query: "SELECT now(), @r_to"}
  - {id: none, query: SELECT 1}`})
	for address, want := range map[string]string{
		"/d/x?r=last-10m":               "[3s 10s 0s]",
		"/d/x?r=last-30d":               "[3s 1m0s 0s]",
		"/d/x?r=2026-11-20..2026-11-21": "[3s 1m0s 0s]",
	} {
		var got []time.Duration
		for _, n := range page(t, b, address).Panels {
			got = append(got, n.Every)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s is read every %v, want %s", address, got, want)
		}
	}
}

const places = `
CREATE TABLE places (country text, city text, pick bool DEFAULT true);
INSERT INTO places VALUES ('DE', 'Berlin'), ('DE', 'Bonn'), ('NL', 'Utrecht'), ('NL', NULL), (NULL, 'Atlantis')`

// TestOptionsArePanels holds that a query for options is a panel of the page, so
// that it is as live as the page.
func TestOptionsArePanels(t *testing.T) {
	t.Parallel()
	db := database(t, places)
	b := open(t, db, map[string]string{"x.yaml": `
variables:
  - {name: city, query: "SELECT city, upper(city) FROM places WHERE country = @country OR @since_from IS NULL ORDER BY 1", strict: true}
  - {name: country, label: Land, query: SELECT DISTINCT country FROM places WHERE country > '' ORDER BY 1, default: all}
  - {name: since, type: range}
panels: [{id: a, query: "SELECT @city::text, @country::text"}]`})
	if p := b.Problems(); len(p) > 0 {
		t.Fatal(p)
	}
	p := page(t, b, "/d/x?country=DE&city=Bonn")
	var ids []string
	for _, n := range p.Panels {
		ids = append(ids, n.ID+" "+n.OptionsOf)
	}
	if !slices.Equal(ids, []string{"a ", "@city city", "@country country"}) {
		t.Fatalf("panels are %q", ids)
	}
	if v := p.Variables[0]; v.OptionsPanel != "@city" || !v.Strict || v.Multiple || v.Value() != "Bonn" {
		t.Errorf("city is %+v", v)
	}
	city := p.Panels[1]
	if !city.Ordered || city.Limit != 1000 || city.Every != time.Minute {
		t.Errorf("the options are %+v", city)
	}
	if got := answer(t, db, p, "@city"); !slices.Equal(got, []string{"Berlin", "BERLIN", "Bonn", "BONN"}) {
		t.Errorf("cities are %q", got)
	}
	if got := answer(t, db, p, "@country"); !slices.Equal(got, []string{"DE", "NL"}) {
		t.Errorf("countries are %q", got)
	}
}

// TestStrictOptions holds that a value leaves the address with the options that
// held it, and only then.
func TestStrictOptions(t *testing.T) {
	t.Parallel()
	db := database(t, places)
	const file = `
variables:
  - {name: street, query: "SELECT @city || ' ' || n FROM generate_series(1, 3) n", strict: true, default: any}
  - {name: city, query: "SELECT city FROM places WHERE country = @country", strict: true}
  - {name: country, query: SELECT country FROM places}
  - {name: cities, query: "SELECT city FROM places WHERE country = @country", strict: true, multiple: true, default: [Bonn]}
  - {name: pick, query: SELECT pick FROM places, strict: true}
  - {name: broken, query: SELECT 1/0, strict: true}
panels: [{id: a, query: "SELECT @city::text"}]`
	b := open(t, db, map[string]string{"x.yaml": file})
	for asked, want := range map[string]string{
		"/d/x?country=DE&city=Berlin&street=Berlin%201": "/d/x?street=Berlin%201&city=Berlin&country=DE",
		"/d/x?country=NL&city=Berlin&street=Berlin%201": "/d/x?country=NL", // one leaves, and so does what depended on it
		"/d/x?country=DE&city=Berlin&street=Bonn%201":   "/d/x?city=Berlin&country=DE",
		"/d/x?city=Berlin": "/d/x",
		"/d/x?country=FR":  "/d/x?country=FR", // options of a query are suggestions
		"/d/x?country=DE&cities=Berlin&cities=Utrecht": "/d/x?country=DE&cities=Berlin",
		"/d/x?country=NL&cities=Bonn&cities=Utrecht":   "/d/x?country=NL&cities=Bonn&cities=Utrecht", // what the default names is always right
		"/d/x?country=NL&cities=Berlin":                "/d/x?country=NL",
		"/d/x?country=NL&cities=":                      "/d/x?country=NL&cities=",
		"/d/x?pick=t":                                  "/d/x?pick=t", // as the page shows it
		"/d/x?pick=true":                               "/d/x",
		"/d/x?broken=7":                                "/d/x?broken=7", // what cannot be asked stays
	} {
		p := page(t, b, asked)
		if p.Address != want {
			t.Errorf("%s is %s, want %s", asked, p.Address, want)
		}
	}
	// An option is one from the moment on at which it commits.
	if got := page(t, b, "/d/x?country=NL&city=Delft").Address; got != "/d/x?country=NL" {
		t.Fatalf("before Delft is there: %s", got)
	}
	exec(t, db, `INSERT INTO places VALUES ('NL', 'Delft')`)
	p := page(t, b, "/d/x?country=NL&city=Delft")
	if p.Address != "/d/x?city=Delft&country=NL" || *p.Panels[0].Args[0] != "Delft" {
		t.Errorf("after Delft is there: %s", p.Address)
	}
	if b := open(t, nil, map[string]string{"x.yaml": file}); page(t, b, "/d/x?city=Delft").Address != "/d/x?city=Delft" {
		t.Error("without a database a value is dropped")
	}
}

// What cannot be an option is told to the page; the log has no values of the database.
func TestOptionsThatFailLeaveNoValuesInTheLog(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	b, err := dashboard.Open(t.Context(), dashboard.Config{
		DB: database(t, places), Log: slog.New(slog.NewTextHandler(&log, nil)),
		Source: source(map[string]string{"x.yaml": `
variables: [{name: city, query: "SELECT city::int FROM places", strict: true}]
panels: [{id: a, query: "SELECT @city::text"}]`}),
	})
	if err != nil {
		t.Fatal(err)
	}
	page(t, b, "/d/x?city=7")
	if !strings.Contains(log.String(), "SQLSTATE 22P02") || strings.Contains(log.String(), "invalid input") {
		t.Errorf("log: %s", log.String())
	}
}

func TestLabelsOfOptions(t *testing.T) {
	t.Parallel()
	b := open(t, nil, map[string]string{"x.yaml": `
variables:
  - {name: a, options: [x, 7, true, {value: y}, {label: Zet, value: z}]}
  - {name: b, type: text, options: [x], default: w}
  - name: c
    options:
      - value: one
        label: The first
      - two
panels: [{id: a, query: "SELECT @a::text, @b::text, @c::text"}]`})
	p := page(t, b, "/d/x?b=anything")
	if got := fmt.Sprint(p.Variables[0].Options, p.Variables[2].Options); got != "[{x x} {7 7} {true true} {y y} {z Zet}] [{one The first} {two two}]" {
		t.Errorf("options are %s", got)
	}
	if v := p.Variables[1]; v.Value() != "anything" || v.Strict || v.Type != "text" {
		t.Errorf("a text with suggestions is %+v", v)
	}
}

// TestCheckOfOptions holds that PostgreSQL reads the queries for options too.
func TestCheckOfOptions(t *testing.T) {
	t.Parallel()
	db := database(t, places)
	file, line, column := marked(`variables:
  - {name: country}
  - name: city
    query: |
      SELECT city FROM places
      WHERE country = @country AND ▸town <> ''
panels: [{id: a, query: "SELECT @city::text"}]
`)
	problems, err := dashboard.Check(t.Context(), dashboard.Config{DB: db, Source: source(map[string]string{"x.yaml": file})})
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 1 || problems[0].Line != line || problems[0].Column != column || problems[0].What != `column "town" does not exist` {
		t.Errorf("problems are %v, want one at %d:%d", problems, line, column)
	}
}
