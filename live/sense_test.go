package live_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/live"
)

// anew ends the program's sessions: those that follow read all pages together at once.
const anew = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'rowcast/%' AND datname = current_database()`

// Pages that are read together are in one transaction: what a query sets there counts
// for no other, neither on its page nor on others.
func TestAQueryDoesNotChangeWhatAnotherMeans(t *testing.T) {
	for name, c := range map[string]struct{ sly, honest, want string }{
		"path":   {"set_config('search_path', 's2', true)", "SELECT v FROM t", "right"},
		"nobody": {"set_config('search_path', 's3', true)", "SELECT v FROM t", "right"},
		"dates":  {"set_config('DateStyle', 'German', true)", "SELECT d FROM public.t", "2026-11-26"},
		"zone":   {"set_config('TimeZone', 'Asia/Tokyo', true)", "SELECT to_char(at, 'HH24') FROM public.t", "12"},
		"bytes":  {"set_config('bytea_output', 'escape', true)", "SELECT b::text FROM public.t", `\x6162`},
		"coding": {"set_config('client_encoding', 'LATIN1', true)", "SELECT chr(233) FROM public.t", "é"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, `CREATE TABLE t (id int PRIMARY KEY, n int, v text, d date, at timestamptz, b bytea);
				INSERT INTO t VALUES (1, 0, 'right', '2026-11-26', '2026-11-26 12:00Z', 'ab'); CREATE SCHEMA s2; CREATE SCHEMA s3;
				CREATE TABLE s2.t (LIKE t); INSERT INTO s2.t SELECT 1, 0, 'wrong', d, at, b FROM t`)
			sly := page("/d/a", panel("p", "SELECT n, "+c.sly+" FROM public.t"), panel("q", c.honest))
			elsewhere := page("/d/c", panel("n", "SELECT n FROM public.t")) // whose zone comes after it
			sly.TimeZone, elsewhere.TimeZone = "UTC", "Zulu"
			first, third := b.view(sly), b.view(elsewhere)
			first.until("anything", func() bool { return true })
			if got := first.fault("q"); got != "" {
				t.Errorf("at first: %s", got)
			}
			honest := page("/d/b", panel("p", c.honest), panel("n", "SELECT n FROM public.t"))
			honest.TimeZone = "UTC"
			second := b.view(honest)
			for n := range 6 {
				number := strconv.Itoa(n)
				first.until("the first page", func() bool { return first.cell("p", 0, 0) == number && first.is("live") })
				second.until("the second page", func() bool { return second.cell("n", 0, 0) == number && second.is("live") })
				third.until("the third page", func() bool { return third.cell("n", 0, 0) == number && third.is("live") })
				if x, y := first.cell("q", 0, 0), second.cell("p", 0, 0); x != c.want || y != c.want {
					t.Fatalf("beside it %q and on the other page %q", x, y)
				}
				if n == 3 {
					b.exec(anew)
				}
				b.exec("UPDATE t SET n = n + 1")
			}
		})
	}
}

// alone is an engine on a server of its own, whose configuration is the whole cluster's.
func alone(t *testing.T, sql string) *bench {
	t.Parallel()
	b := &bench{T: t, url: pgtest.Server(t, nil).URL(), hub: broadcast.New[*delta.State](broadcast.Config{})}
	b.conn = b.connect()
	b.exec(sql)
	b.watch()
	b.run()
	return b
}

// loads has the server's configuration say something else, and waits until a session
// heeds it.
func (b *bench) loads(setting, value string) {
	b.Helper()
	b.exec("ALTER SYSTEM SET " + setting + " = '" + value + "'")
	b.exec("SELECT pg_reload_conf()")
	b.eventually(setting, "SELECT count(*) FROM pg_settings WHERE name = '"+setting+"' AND setting = '"+value+"'", 1)
}

// What the server's configuration says after it was loaded anew is not what a query set,
// and counts from then on, also where a query sets something all the time.
func TestSettingsThatAreLoadedAnew(t *testing.T) {
	for name, query := range map[string]string{"plainly": "SELECT n FROM public.t", "beside a query that sets some": "SELECT n, set_config('search_path', 'pg_catalog', true) FROM public.t"} {
		t.Run(name, func(t *testing.T) {
			b := alone(t, `CREATE TABLE t (n int, v text); INSERT INTO t VALUES (0, 'cats'); CREATE SCHEMA s2; CREATE FUNCTION s2.which() RETURNS varchar(9)
				LANGUAGE sql AS $$SELECT 's2'$$; CREATE FUNCTION public.which() RETURNS text LANGUAGE sql AS $$SELECT 'public'$$`)
			viewers := []*viewer{
				b.view(page("/d/a", panel("p", query))),
				b.view(page("/d/b", panel("p", "SELECT n, to_tsvector(v)::text, which() FROM public.t"))),
				b.view(page("/d/c", panel("p", "SELECT n, to_tsvector(v)::text, which(), 1 FROM public.t"))),
			}
			n := 0
			for _, c := range []struct{ search, path, stem, which string }{
				{"simple", "s2", "'cats':1", "s2"}, {"english", "s2", "'cat':1", "s2"}, {"english", "public", "'cat':1", "public"}, {"simple", "s2", "'cats':1", "s2"},
			} {
				b.loads("default_text_search_config", "pg_catalog."+c.search)
				b.loads("search_path", c.path)
				for range 3 {
					n++
					b.exec("UPDATE public.t SET n = n + 1")
					for _, v := range viewers {
						v.until("the next number", func() bool { return v.cell("p", 0, 0) == strconv.Itoa(n) && v.is("live") })
					}
				}
				for _, v := range viewers[1:] {
					if stem, which := v.cell("p", 0, 1), v.cell("p", 0, 2); stem != c.stem || which != c.which {
						t.Errorf("%s and %s where the server says %s and %s", stem, which, c.search, c.path)
					}
				}
			}
		})
	}
}

// The configuration may hold what nobody can set any more.
func TestASettingThatCannotBeSet(t *testing.T) {
	b := alone(t, "CREATE TABLE t (n int); INSERT INTO t VALUES (0); CREATE TEXT SEARCH CONFIGURATION public.mine (COPY = simple)")
	b.loads("default_text_search_config", "public.mine")
	b.exec("DROP TEXT SEARCH CONFIGURATION public.mine")
	sly := b.view(page("/d/a", panel("p", "SELECT n, set_config('DateStyle', 'German', true) FROM t")))
	sly.until("live", func() bool { return sly.is("live") })
	honest := b.view(page("/d/b", panel("p", "SELECT n FROM t")))
	for n := range 4 {
		for _, v := range []*viewer{sly, honest} {
			v.until("the number", func() bool { return v.cell("p", 0, 0) == strconv.Itoa(n) && v.is("live") })
		}
		b.exec("UPDATE t SET n = n + 1")
	}
}

// What is set for a role or a database counts for the sessions that begin later: no page
// is read by one of each.
func TestSessionsThatBeginWithOtherSettings(t *testing.T) {
	b := start(t, `CREATE TABLE t (v text); INSERT INTO t VALUES ('public'); CREATE SCHEMA s2; CREATE TABLE s2.t (v text); INSERT INTO s2.t VALUES ('s2')`)
	first := b.view(page("/d/a", panel("p", "SELECT v FROM t")))
	first.until("live", func() bool { return first.cell("p", 0, 0) == "public" && first.is("live") })
	b.exec("DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = s2', current_database()); END$$")
	b.exec("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'rowcast/open' AND datname = current_database()")
	second := b.view(page("/d/b", panel("p", "SELECT v, 1 FROM t")))
	second.until("its first rows", func() bool { return second.cell("p", 0, 0) == "s2" })
	opened := time.Now()
	second.until("a reading by the other session", func() bool {
		if got := second.cell("p", 0, 0); got != "s2" {
			t.Fatalf("the new page went back to %q", got)
		}
		return second.is("timed") && second.told().At.After(opened.Add(time.Second)) // what it reads has no bell
	})
	first.until("the same on the other page", func() bool { return first.cell("p", 0, 0) == "s2" })
}

// A function may give up the statements of the session that calls it, which no rollback
// brings back.
func TestAQueryThatGivesUpStatements(t *testing.T) {
	b := start(t, `CREATE TABLE t (n int); INSERT INTO t VALUES (0); CREATE FUNCTION forget() RETURNS int LANGUAGE plpgsql AS $$BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN 1; END$$`)
	honest := b.view(page("/d/b", panel("p", "SELECT n FROM t")))
	honest.until("live", func() bool { return honest.is("live") })
	sly := b.view(page("/d/a", panel("p", "SELECT n, forget() FROM t"), panel("q", "SELECT n FROM t")))
	sly.until("the error", func() bool { return sly.fault("p") == "query_failed" })
	for n := 1; n < 4; n++ {
		b.exec("UPDATE t SET n = n + 1")
		honest.until("the next number", func() bool { return honest.cell("p", 0, 0) == strconv.Itoa(n) && honest.is("live") })
		sly.until("the next number beside it", func() bool { return sly.cell("q", 0, 0) == strconv.Itoa(n) && sly.fault("p") == "query_failed" })
	}
	later := b.view(page("/d/c", panel("p", "SELECT n + 1 FROM t")))
	later.until("a page that opens", func() bool { return later.cell("p", 0, 0) == "4" && later.is("live") })
}

// A page that runs as somebody has the role set anew, which must not hide that a query
// before it set it for others.
func TestAQueryDoesNotBecomeSomebodyForOthers(t *testing.T) {
	b, prefix := governed(t, owned+"; CREATE TABLE k (n int); INSERT INTO k VALUES (0); GRANT SELECT ON k TO public")
	sly := b.view(page("/d/a", panel("n", "SELECT n, set_config('role', '"+prefix+"_anna', true) FROM k")))
	honest := b.view(page("/d/b", panel("n", "SELECT n, current_user FROM k")))
	as := page("/d/c", panel("n", "SELECT n, current_user FROM k"))
	as.Role, as.Context = prefix+"_ben", "as ben"
	somebody := b.view(as)
	for n := range 6 {
		for _, v := range []*viewer{sly, honest, somebody} {
			v.until("the next number", func() bool { return v.cell("n", 0, 0) == strconv.Itoa(n) && v.is("live") })
		}
		if x, y := honest.cell("n", 0, 1), somebody.cell("n", 0, 1); x != "reader_"+prefix || y != prefix+"_ben" {
			t.Fatalf("as %s and %s", x, y)
		}
		if n == 2 {
			b.exec(anew)
		}
		b.exec("UPDATE k SET n = n + 1")
	}
}

// With the default search_path a role that has a schema of its name finds its own tables
// there. A statement is prepared by the role that reads.
func TestARoleWithTablesOfItsOwn(t *testing.T) {
	b, prefix := governed(t, owned)
	anna := prefix + "_anna"
	b.exec("CREATE SCHEMA " + anna + " CREATE TABLE notes (id int PRIMARY KEY, text varchar(20)); GRANT USAGE ON SCHEMA " + anna + " TO " + anna + ", reader_" + prefix +
		"; GRANT SELECT ON " + anna + ".notes TO " + anna + "; INSERT INTO " + anna + ".notes VALUES (1, 'own')")
	b.Cleanup(func() { b.exec("DROP SCHEMA " + anna + " CASCADE") })
	of := func(address, sql string) *dashboard.Page {
		p := page(address, dashboard.Panel{ID: "notes", SQL: sql, Type: "table", Ordered: true, Limit: 100})
		p.Role, p.Context, p.Candid = anna, "candid as "+anna, true
		return p
	}
	short := b.view(of("/d/a", "SELECT id, text FROM notes ORDER BY id"))
	short.until("the error", func() bool { return short.fault("notes") == "query_failed" })
	if e := short.state.Panels["notes"].Err; e.Hint == "" {
		t.Errorf("no hint with %q", e.Message)
	}
	full := b.view(of("/d/b", "SELECT id, text FROM "+anna+".notes ORDER BY id"))
	full.until("its own rows", func() bool { return full.column("notes") == "own" })
	other := b.view(theirs(prefix+"_ben", "")) // sorts behind them
	other.until("ben's rows", func() bool { return other.column("notes") == "b1" && other.is("live") })
}

// A statement's parameters have the types that its tables' columns had.
func TestAParameterOfAnotherType(t *testing.T) {
	for name, c := range map[string]struct{ kind, id string }{
		"wider":  {"bigint", "3000000000"},
		"a text": {"text", "three"},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (3, 1)")
			of := func(id string) *dashboard.Page {
				return page("/d/p?id="+id, dashboard.Panel{ID: "p", SQL: "SELECT v FROM t WHERE id = $1", Args: []*string{&id}, Type: "table", Ordered: true, Limit: 10})
			}
			three := b.view(of("3"))
			three.until("the row", func() bool { return three.cell("p", 0, 0) == "1" && three.is("live") })
			read := three.told().At
			three.until("another reading", func() bool { return three.told().At.After(read) })
			b.exec("ALTER TABLE t ALTER id TYPE " + c.kind + "; INSERT INTO t VALUES ('" + c.id + "', 7); UPDATE t SET v = 2 WHERE v = 1")
			altered := time.Now()
			three.until("the row, changed", func() bool { return three.cell("p", 0, 0) == "2" })
			other := b.view(of(c.id))
			other.until("the row that could not be", func() bool { return other.cell("p", 0, 0) == "7" })
			if took := time.Since(altered); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			for n := 8; n < 20; n++ { // it stays well
				b.exec("UPDATE t SET v = " + strconv.Itoa(n) + " WHERE v = " + strconv.Itoa(n-1))
				other.until("the next value", func() bool {
					if other.fault("p") != "" {
						t.Fatalf("after %s: %s", time.Since(altered), other.fault("p"))
					}
					return other.cell("p", 0, 0) == strconv.Itoa(n)
				})
			}
		})
	}
}

// A query may give those after it for ever. The connection ends then, once, and the next
// try has each end in its time.
func TestAQueryThatTakesTheTimeoutAway(t *testing.T) {
	b := start(t, "CREATE TABLE t (n int); INSERT INTO t VALUES (0)", func(c *live.Config) { c.StatementTimeout = time.Second })
	sly := b.view(page("/d/a", panel("a", "SELECT n, set_config('statement_timeout', '0', false) FROM t"), panel("b", "SELECT n, pg_sleep(60) FROM t")))
	began := time.Now()
	sly.until("the slow panel's error", func() bool { return sly.fault("b") == "timeout" })
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("its error came after %s", took)
	}
	for n := 1; n < 5; n++ {
		b.exec("UPDATE t SET n = n + 1")
		began := time.Now()
		v := b.view(page("/d/b"+strconv.Itoa(n), panel("p", "SELECT n FROM t")))
		v.until("its rows", func() bool { return v.cell("p", 0, 0) == strconv.Itoa(n) })
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("another page opened after %s", took)
		}
		sly.until("the quick panel beside it", func() bool { return sly.cell("a", 0, 0) == strconv.Itoa(n) })
	}
}
