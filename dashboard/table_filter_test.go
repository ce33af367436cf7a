package dashboard_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/internal/extended"
)

const things = `
CREATE EXTENSION IF NOT EXISTS citext;
CREATE SCHEMA "My.Types";
CREATE TYPE "My.Types"."Mood,x" AS ENUM ('sad', 'so, so', 'ok "ish"');
CREATE DOMAIN short AS varchar(5);
CREATE DOMAIN tags AS text[];
CREATE TYPE pair AS (a int, b text);
CREATE TYPE spot AS (at point, of text[]);
CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE things (
  id int PRIMARY KEY, big int8, small int2, num numeric(10,2), f float8, cash money,
  t text, v varchar(3), c char(4), ci citext, s short, n name, l text COLLATE loose,
  b bool, m "My.Types"."Mood,x", u uuid, d date, ts timestamp, tz timestamptz, tod time, iv interval, ip inet,
  j json, jb jsonb, ta text[], ia int[], ma "My.Types"."Mood,x"[], dta tags, pa point[], p point, r int4range, x xml, by bytea, co pair, sp spot);
INSERT INTO things (id) VALUES (9);
INSERT INTO things VALUES (1, 9007199254740993, 1, 19.90, 0.1, 12.50,
  '100% _\pure', 'abc', 'ab', 'MiXed', 'short', 'Name', 'Straße',
  true, 'so, so', '6f1c2d3e-0000-4000-8000-000000000001', '2026-11-20', '2026-11-20 10:00', now() - interval '10 minutes', '10:00', '2 hours', '10.0.0.1',
  '{"a":1}', '{"a":1,"b":[1]}', '{a,"b,c"}', '{1,2}', '{"so, so"}', '{x}', '{"(1,2)"}', '(1,2)', '[1,5)', '<a/>', '\xff');
INSERT INTO things VALUES (2, -5, 2, 20, 'NaN', -3,
  'O''Reilly; DROP TABLE things; --', 'abd', 'AB', 'mixed', 'sh', 'other', 'strasse',
  false, 'ok "ish"', '6f1c2d3e-0000-4000-8000-000000000002', '2026-11-21', '2026-11-21 10:00', now() - interval '3 days', '11:00', '1 day', '10.0.0.2',
  '{"a":2}', '{"a":2}', '{b}', '{3}', '{sad}', '{y}', NULL, NULL, 'empty', NULL, '\x00');
UPDATE things SET co = ROW(1, NULL), sp = ROW('(1,2)', NULL) WHERE id = 1;
ANALYZE things`

// idsOf runs a page's query as a panel does, and answers with the rows' ids.
func idsOf(t testing.TB, db extended.Pool, p *dashboard.Page) string {
	t.Helper()
	ids, err := run(t.Context(), db, &p.Panels[0], "id")
	if err != nil {
		t.Errorf("%s: %v\n%s", p.Address, err, p.Panels[0].SQL)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// run gives one column of a panel's result.
func run(ctx context.Context, db extended.Pool, p *dashboard.Panel, column string) ([]string, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	// As panels read dates: "::1/129/*" is one, but not with every style.
	if _, err := conn.Exec(ctx, "SET DateStyle = 'ISO, YMD'"); err != nil {
		return nil, err
	}
	args := make([][]byte, len(p.Args))
	for i, a := range p.Args {
		if a != nil {
			args[i] = []byte(*a)
		}
	}
	res := conn.Conn().PgConn().ExecParams(ctx, fmt.Sprintf("SELECT * FROM (\n%s\n) q LIMIT %d", p.SQL, p.Limit+1), args, nil, nil, nil).Read()
	if res.Err != nil {
		return nil, res.Err
	}
	at := slices.IndexFunc(res.FieldDescriptions, func(f pgconn.FieldDescription) bool { return f.Name == column })
	var all []string
	for _, row := range res.Rows {
		if at >= 0 {
			all = append(all, string(row[at]))
		}
	}
	return all, nil
}

func TestEveryOperatorOnEveryKind(t *testing.T) {
	t.Parallel()
	db := database(t, things)
	b := open(t, db, nil)
	for filter, want := range map[string]string{
		"id.is.1": "1", "id.is. 01 ": "1", "id.isnt.1": "2 9", "id.lt.2": "1", "id.le.2": "1 2", "id.gt.1": "2 9", "id.ge.2": "2 9", "id.null": "", "id.notnull": "1 2 9",
		"big.is.9007199254740993": "1", "big.is.9007199254740992": "", "small.is.2": "2", "num.is.19.9": "1", "num.is.19.899": "", "num.gt.19.901": "2",
		"num.isnt.20": "1 9", "f.is.0.1": "1", "f.is.NaN": "2", "cash.lt.0": "2", "big.null": "9",
		"t.has.100%25": "1", "t.has.%25": "1", "t.has._": "1", "t.has.%5C": "1", "t.has.x": "", "t.hasnt.100%25": "2 9", "t.is.100%25 _%5Cpure": "1", "t.isnt.x": "1 2 9",
		"t.starts.o'REI": "2", "t.ends.PURE": "1", "t.ends.%25": "", "t.null": "9", "t.notnull": "1 2", "t.in.x,%22O'Reilly; DROP TABLE things; --%22": "2",
		"t.is.": "", "t.has.": "1 2",
		"v.is.abc": "1", "v.is.abcdef": "", "v.starts.AB": "1 2", "c.is.ab": "1", "c.is.ab  ": "1", "c.ends.b": "1 2", "c.has.ab  ": "1 2", "c.ends.b ": "1 2", "c.hasnt.b ": "9", "ci.is.mixed": "1 2", "ci.has.IXE": "1 2",
		"s.is.short": "1", "s.is.shorter": "", "n.is.Name": "1", "n.has.AM": "1", "l.has.STRASSE": "2", "l.is.STRASSE": "2", "l.starts.stra": "1 2",
		"b.is.true": "1", "b.is.f": "2", "b.null": "9", "m.is.so, so": "1", "m.isnt.sad": "1 2 9", "m.in.%22so, so%22,%22ok %22%22ish%22%22%22": "1 2",
		"u.is.6F1C2D3E-0000-4000-8000-000000000001": "1", "u.isnt.6f1c2d3e-0000-4000-8000-000000000001": "2 9",
		"d.is.2026-11-20": "1", "d.gt.2026-11-20": "2", "d.lt.tomorrow": "1 2", "ts.le.2026-11-20T10:00": "1", "tz.last.15m": "1", "tz.last.1w": "1 2", "tz.last.90s": "",
		"tz.ge.2026-01-01 00:00%2B02": "1 2", "ts.isnt.2026-11-20 10:00": "2 9", "d.last.100y": "1 2",
		"tod.is.10:00": "1", "tod.gt.10:30": "2", "iv.ge.1 day": "2", "ip.is.10.0.0.1": "1", "ip.has.0.0.2": "2", "r.is.[1,5)": "1", "by.is.%5Cxff": "1",
		"j.has.%22a%22:1": "1", "j.contains.{%22a%22:1}": "1", "jb.contains.{%22b%22:[1]}": "1", "jb.has.2": "2", "jb.null": "9",
		"ta.contains.b,c": "1", "ta.contains.b": "2", "ia.contains.3": "2", "ma.contains.sad": "2", "dta.contains.x": "1", "p.null": "2 9", "p.has.(1": "1", "x.has.<a": "1", "pa.notnull": "1",
		"co.notnull": "1", "co.null": "2 9", "co.is.(1,)": "1", "co.isnt.(1,)": "2 9", "co.has.(1": "1", "sp.notnull": "1", "sp.has.(1": "1",
	} {
		column, value, _ := strings.Cut(filter, ".")
		p := page(t, b, "/t/public.things?where="+column+"."+value)
		if got := idsOf(t, db, p); got != want {
			t.Errorf("%s: rows %q, want %q\n%s %q", filter, got, want, p.Panels[0].SQL, texts(p.Panels[0].Args))
		}
		if again := page(t, b, p.Address); again.Address != p.Address || !slices.Equal(again.Table.Where, p.Table.Where) {
			t.Errorf("%s: %s leads to %s", filter, p.Address, again.Address)
		}
	}
}

// TestOperatorsThatFit holds that what a column offers works, and that nothing
// else does.
func TestOperatorsThatFit(t *testing.T) {
	t.Parallel()
	db := database(t, things)
	b := open(t, db, nil)
	values := map[dashboard.ColumnKind]string{"number": "1", "text": "x", "bool": "true", "time": "2026-11-20 10:00", "date": "2026-11-20",
		"uuid": "6f1c2d3e-0000-4000-8000-000000000001", "json": "{}", "enum": "sad", "array": "1"}
	for name, value := range map[string]string{"tod": "10:00", "iv": "1 day", "ip": "10.0.0.1", "r": "empty", "by": "x", "ma": "sad", "co": "(1,)", "sp": "x"} {
		values[dashboard.ColumnKind(name)] = value
	}
	kinds := map[dashboard.ColumnKind]bool{}
	for _, c := range page(t, b, "/t/public.things").Table.Columns {
		kinds[c.Kind] = true
		address, strange := "/t/public.things?", ""
		for _, op := range []string{"has", "hasnt", "is", "isnt", "starts", "ends", "in", "lt", "le", "gt", "ge", "last", "contains", "null", "notnull"} {
			value, ok := values[dashboard.ColumnKind(c.Name)]
			if !ok {
				value = values[c.Kind]
			}
			if op == "last" {
				value = "15m"
			}
			where := "&where=" + c.Name + "." + op + "." + url.QueryEscape(value)
			if slices.Contains(c.Operators, op) {
				address += where
			} else if strange == "" || len(c.Type)%2 == 0 { // the first, or the last
				strange = where
			}
		}
		idsOf(t, db, page(t, b, address))
		if got := refused(t, b, "/t/public.things?"+strange); got.Code != "bad_request" || !strings.Contains(got.Message, "has no operator") {
			t.Errorf("%s: %s %s", strange, got.Code, got.Message)
		}
	}
	if len(kinds) != 10 {
		t.Errorf("only columns of %v were tried", kinds)
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	b := open(t, database(t, things), nil)
	for filter, message := range map[string]string{
		"id.is.abc":        `"abc" is not a value of "id", which is of type integer`,
		"id.is.2147483648": `"2147483648" is not a value of "id", which is of type integer`,
		"id.is.":           `"" is not a value of "id", which is of type integer`,
		"num.gt.many":      `"many" does not fit the column "num" of type numeric(10,2): invalid input syntax for type numeric: "many"`,
		"u.is.1":           `"1" does not fit the column "u" of type uuid: invalid input syntax for type uuid: "1"`,
		"d.is.2026-02-30":  `"2026-02-30" does not fit the column "d" of type date: date/time field value out of range: "2026-02-30"`,
		"tz.ge.soon":       `"soon" does not fit the column "tz" of type timestamp with time zone: invalid input syntax for type timestamp with time zone: "soon"`,
		"jb.contains.{":    `"{" does not fit the column "jb" of type jsonb: invalid input syntax for type json`,
		"ia.contains.x":    `"x" does not fit the column "ia" of type integer[]: invalid input syntax for type integer: "x"`,
		"b.is.maybe":       `"b" is true or false, not "maybe"`,
		"m.is.happy":       `"m" cannot be "happy"; it is one of sad, so, so and ok "ish"`,
		"m.in.sad,happy":   `"m" cannot be "happy"; it is one of sad, so, so and ok "ish"`,
		"tz.last.soon":     `"tz" last "soon": write a number and s, m, h, d, w, mo or y, such as 15m`,
		"tz.last.0m":       `"tz" last "0m": write a number and s, m, h, d, w, mo or y, such as 15m`,
		"id.has.1":         `"id", which is of type integer, has no operator has; it has is, isnt, lt, le, gt and ge`,
		"id.like.1":        `there is no operator "like"; there are is, isnt, in, has, hasnt, starts, ends, ge, gt, le, lt, last, contains, null and notnull`,
		"id.is":            `the filter "id.is" lacks a value`,
		"id":               `a filter is a column, an operator and a value, such as total.gt.100, not "id"`,
		"nope.is.1":        `the table "things" has no column "nope" to filter by`,
		"%22nope.is.1":     `a filter is a column, an operator and a value, such as total.gt.100, not "\"nope.is.1"`,
	} {
		if got := refused(t, b, "/t/public.things?where=t.has.x&where="+filter); got.Code != "bad_request" || got.Message != message {
			t.Errorf("%s: %s %s\nwant %s", filter, got.Code, got.Message, message)
		}
	}
	for address, message := range map[string]string{
		"columns=id,nope":                    `the table "things" has no column "nope" to show`,
		"columns=id,-t":                      `columns is a list of columns, such as id,status`,
		"rows=7":                             `a page cannot have 7 rows; it has one of 50, 100, 200, 500 and 1000`,
		"rows=x":                             `rows is a number from 1, not "x"`,
		"page=0":                             `page is a number from 1, not "0"`,
		"page=99999":                         `page 99999 begins after row 1000000; sort or filter instead`,
		"sort=pa":                            `values of type point[] have no order to sort "pa" by`,
		"sort=sp":                            `values of type spot have no order to sort "sp" by`,
		"sort=p":                             `values of type point have no order to sort "p" by`,
		strings.Repeat("&where=id.is.1", 33): `an address has at most 32 filters`,
	} {
		if got := refused(t, b, "/t/public.things?"+address); got.Code != "bad_request" || got.Message != message {
			t.Errorf("%s: %s %s\nwant %s", address, got.Code, got.Message, message)
		}
	}
}

func TestCanonicalTableAddresses(t *testing.T) {
	t.Parallel()
	b := open(t, database(t, things), nil)
	for asked, want := range map[string]string{
		"page=2&rows=50&columns=t,id&search= a b &where=id.ge.007&sort=t": "sort=t&where=id.ge.7&search=a%20b&columns=t,id&rows=50&page=2",
		"where=t.has.x&where=id.gt.1&where=id.gt.1&where=id.is.2":         "where=id.is.2&where=id.gt.1&where=t.has.x",
		"where=m.in.sad,%22so, so%22,sad":                                 "where=m.in.sad,%22so%2C%20so%22",
		"where=b.is.YES&where=b.null.x":                                   "where=b.is.true&where=b.null",
		"sort=-id&rows=200&page=1&search=&columns=&widths=1&kiosk":        "",
	} {
		if want != "" {
			want = "?" + want
		}
		if got := page(t, b, "/t/public.things?"+asked).Address; got != "/t/public.things"+want {
			t.Errorf("%s is %s, want %s", asked, got, want)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	db := database(t, things)
	b := open(t, db, nil)
	for term, want := range map[string]string{
		"mixed": "1 2", "100%25": "1", "%25": "1", "so, so": "1", "000000000002": "2", "-5": "2", "19.9": "1", "DROP TABLE": "2", "nothing": "", "2026": "", "'": "2",
	} {
		if got := idsOf(t, db, page(t, b, "/t/public.things?search="+strings.ReplaceAll(term, " ", "+"))); got != want {
			t.Errorf("%s: rows %q, want %q", term, got, want)
		}
	}
	exec(t, db, "CREATE TABLE numbers (id int PRIMARY KEY); INSERT INTO numbers VALUES (1)")
	if got := idsOf(t, db, page(t, b, "/t/public.numbers?search=a")); got != "" {
		t.Errorf("a table without texts answers %q", got)
	}
}

// TestFiltersOfOddColumns holds that any column can be filtered, searched,
// shown and sorted by, and that neither its name nor a value becomes SQL.
func TestFiltersOfOddColumns(t *testing.T) {
	t.Parallel()
	names := append(slices.Clone(oddNames), `x" OR true --`, `.`, `is`, `a.is.b`, `"; DROP TABLE t; --`)
	columns := make([]string, len(names))
	for i, name := range names {
		columns[i] = quoted(name) + " text"
	}
	db := database(t, "CREATE TABLE t (id int PRIMARY KEY, "+strings.Join(columns, ", ")+"); INSERT INTO t (id) VALUES (1)")
	b := open(t, db, nil)
	values := []string{"'; DROP TABLE t; --", "' OR '1'='1", "$1", `\`, "%", "a,b", `"`, "", ".", "𝄞", "a\r\nb"}
	for i, name := range names {
		for _, value := range []string{values[i%len(values)], values[(i+5)%len(values)]} {
			if _, err := db.Exec(t.Context(), "UPDATE t SET "+quoted(name)+" = $1", value); err != nil {
				t.Fatal(err)
			}
			in := `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
			address := "/t/public.t?columns=" + url.QueryEscape(quoted(name)) + "&where=" + url.QueryEscape(quoted(name)+".is."+value) +
				"&where=" + url.QueryEscape(quoted(name)+".has."+value) + "&where=" + url.QueryEscape(quoted(name)+".in."+in) +
				"&sort=" + url.QueryEscape(quoted(name)) + "&search=" + url.QueryEscape(value)
			p := page(t, b, address)
			if got := idsOf(t, db, p); got != "1" {
				t.Errorf("%q %q: rows %q of %s", name, value, got, p.Address)
			}
			if again := page(t, b, p.Address); again.Address != p.Address {
				t.Errorf("%q %q: %s leads to %s", name, value, p.Address, again.Address)
			}
			if p := page(t, b, "/t/public.t?where="+url.QueryEscape(quoted(name)+".isnt."+value)); idsOf(t, db, p) != "" {
				t.Errorf("%q isnt %q finds it", name, value)
			}
		}
	}
}

func TestShownColumnsAndPages(t *testing.T) {
	t.Parallel()
	db := database(t, `CREATE TABLE t (a int, b text, c int, PRIMARY KEY (a, c)); CREATE TABLE u (x int, y int UNIQUE NOT NULL, z text);
		INSERT INTO t SELECT i, 'b' || i % 3, i FROM generate_series(1, 120) i`)
	b := open(t, db, nil)
	for asked, want := range map[string]struct {
		columns string
		hidden  int
	}{
		"/t/public.t":             {`"a", "b", "c"`, 0},
		"/t/public.t?columns=b":   {`"b", "a", "c"`, 2},
		"/t/public.t?columns=c,b": {`"c", "b", "a"`, 1},
		"/t/public.u?columns=z":   {`"z", "y"`, 1},
	} {
		p := page(t, b, asked).Panels[0]
		if got, _, _ := strings.Cut(strings.TrimPrefix(p.SQL, "SELECT "), "\n"); got != want.columns || p.Hidden != want.hidden {
			t.Errorf("%s selects %s, hides %d; want %s, %d", asked, got, p.Hidden, want.columns, want.hidden)
		}
	}
	seen := map[string]bool{}
	for n, most := range []int{51, 51, 20, 0} {
		p := page(t, b, fmt.Sprintf("/t/public.t?sort=b&rows=50&page=%d", n+1))
		ids, err := run(t.Context(), db, &p.Panels[0], "a")
		if err != nil || len(ids) != most {
			t.Fatalf("page %d has %d rows: %v", n+1, len(ids), err)
		}
		for _, id := range ids[:min(50, len(ids))] {
			if seen[id] {
				t.Errorf("row %s is on two pages", id)
			}
			seen[id] = true
		}
	}
	if len(seen) != 120 {
		t.Errorf("the pages show %d rows", len(seen))
	}
	small := bookOf(t, dashboard.Config{DB: db, MaxRows: 120})
	if p := page(t, small, "/t/public.t"); p.Table.Rows != 120 || !slices.Equal(p.Table.PageSizes, []int{50, 100, 120}) {
		t.Errorf("%d rows of %v", p.Table.Rows, p.Table.PageSizes)
	}
}

func TestSlidingFiltersGoByTheClock(t *testing.T) {
	t.Parallel()
	b := open(t, database(t, things), nil)
	for filter, every := range map[string]time.Duration{
		"tz.last.15m": 15 * time.Second, "tz.last.1s": 2 * time.Second, "d.last.30d": time.Minute, "ts.ge.today": time.Minute, "ts.ge.2026-01-01": 0, "t.is.today": 0,
	} {
		if p := page(t, b, "/t/public.things?where="+filter).Panels[0]; p.Every != every || p.Clock != (every > 0) {
			t.Errorf("%s: every %v", filter, p.Every)
		}
	}
}

func TestFiltersOnlyByWhatTheRoleMayRead(t *testing.T) {
	t.Parallel()
	owner := database(t, `CREATE TABLE other (id int PRIMARY KEY, name text); CREATE TABLE people (id int PRIMARY KEY, secret text, other int REFERENCES other)`)
	role := fmt.Sprintf("filter_%s", owner.Config().ConnConfig.Database)
	exec(t, owner, fmt.Sprintf(`CREATE ROLE %[1]q LOGIN; GRANT SELECT (id, other) ON people TO %[1]q; GRANT SELECT (name) ON other TO %[1]q`, role))
	t.Cleanup(func() { exec(t, owner, fmt.Sprintf(`DROP OWNED BY %[1]q; DROP ROLE %[1]q`, role)) })
	b := open(t, as(t, owner, role), nil)
	p := page(t, b, "/t/public.people?search=a")
	if strings.Contains(p.Panels[0].SQL, "secret") || p.Table.Columns[1].References != nil || len(p.Table.ForeignKeys) > 0 {
		t.Errorf("%s %+v", p.Panels[0].SQL, p.Table)
	}
	for _, asked := range []string{"where=secret.has.a", "columns=secret", "sort=secret"} {
		if got := refused(t, b, "/t/public.people?"+asked); got.Code != "bad_request" || !strings.Contains(got.Message, `has no column "secret"`) {
			t.Errorf("%s: %s %s", asked, got.Code, got.Message)
		}
	}
}

func texts(args []*string) []string {
	all := make([]string, len(args))
	for i, a := range args {
		all[i] = *a
	}
	return all
}
