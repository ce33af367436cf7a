package live_test

import (
	"fmt"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/live"
)

// What a dashboard reads is found by parsing, so whatever its queries ask of who looks,
// and by starting them, which shows what functions read.
func TestTablesFindsWhatADashboardReads(t *testing.T) {
	b := start(t, accounts+`CREATE VIEW va AS SELECT * FROM a; CREATE TABLE c (v int, owner text); CREATE TABLE d (id int, name text);
		CREATE FUNCTION within() RETURNS SETOF b LANGUAGE sql STABLE AS 'SELECT * FROM b';
		CREATE FUNCTION told(text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE 'it ran'; END$$`)
	claims := func(p *dashboard.Page) *dashboard.Page {
		as, err := dashboard.NewRunAs("", map[string]string{"app.user": "{user}"})
		if err != nil {
			t.Fatal(err)
		}
		p.RunAs(as)
		if err := p.For("0", nil); err != nil {
			t.Fatal(err)
		}
		return p
	}
	one := "1"
	chosen := panel("2", "SELECT $1::int FROM d")
	chosen.Args = []*string{&one}
	for _, c := range []struct {
		page   *dashboard.Page
		parsed string
		begun  string
	}{
		{page("/d/x", panel("1", "SELECT * FROM va"), panel("2", "SELECT count(*) FROM b"), panel("3", "SELECT nonsense FROM nowhere")), "[public.a public.b]", "[public.a public.b]"},
		{page("/d/x", panel("1", "SELECT * FROM c WHERE owner = current_setting('app.user')")), "[public.c]", "[public.c]"},
		{page("/d/x", panel("1", "SELECT * FROM d WHERE id = current_setting('app.id')::int")), "[public.d]", "[public.d]"},
		{page("/d/x", panel("1", "SELECT * FROM d WHERE id = told('x') OR 1 / (SELECT 0 FROM c) = 1")), "[public.c public.d]", "[public.c public.d]"},
		{page("/d/x", panel("1", "SELECT * FROM within() w, c WHERE owner = current_setting('app.user')")), "[public.c]", "[public.c]"},
		{claims(page("/d/x", panel("1", "SELECT * FROM within() w, c WHERE owner = current_setting('app.user')"))), "[public.c]", "[public.b public.c]"},
		{page("/d/x", panel("1", "TABLE c; "), chosen), "[public.c public.d]", "[public.c public.d]"},
	} {
		for _, start := range []bool{false, true} {
			got, err := live.Tables(t.Context(), b.conn, c.page, start)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{false: c.parsed, true: c.begun}[start]; fmt.Sprint(got) != want {
				t.Errorf("%s, started %v: found %v, want %s", c.page.Panels[0].SQL, start, got, want)
			}
		}
	}
}

// Policies are parsed with the query, for whom they hold: what they read counts too.
func TestTablesFindsWhatPoliciesRead(t *testing.T) {
	b, prefix := governed(t, owned+`CREATE TABLE desks (owner text); CREATE POLICY desk ON notes USING (owner IN (SELECT owner FROM desks WHERE owner = current_setting('app.desk')))`)
	conn := b.connect()
	if _, err := conn.Exec(t.Context(), "SET ROLE "+prefix+"_anna"); err != nil {
		t.Fatal(err)
	}
	got, err := live.Tables(t.Context(), conn, page("/d/x", panel("1", "SELECT * FROM notes")), true)
	if err != nil || fmt.Sprint(got) != "[public.desks public.notes]" {
		t.Errorf("found %v, %v", got, err)
	}
}
