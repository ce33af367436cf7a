package live_test

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/live"
)

// owned are notes that are seen by whom they belong to: by role, by a setting,
// or by both.
const owned = `CREATE TABLE notes (id int PRIMARY KEY, owner text, text text);
INSERT INTO notes VALUES (1, 'anna', 'a1'), (2, 'ben', 'b1'), (3, 'anna', 'a2');
CREATE TABLE shared (v int); INSERT INTO shared VALUES (1);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_role ON notes USING (current_user LIKE '%\_' || owner);
CREATE POLICY by_setting ON notes USING (owner = current_setting('app.user', true));
CREATE POLICY reader ON notes USING (current_user LIKE 'reader%' AND coalesce(current_setting('app.user', true), '') = '');`

// team makes a role that reads, which may become anna's and ben's, and returns
// the prefix of their names and the way to connect as it.
func team(b *bench) (prefix string, readsAs func(*live.Config)) {
	prefix = "t" + strconv.FormatInt(time.Now().UnixNano(), 36)
	reader := "reader_" + prefix
	sql := "CREATE ROLE " + reader + " LOGIN NOINHERIT;"
	for _, role := range []string{reader, prefix + "_anna", prefix + "_ben"} {
		if role != reader {
			sql += "CREATE ROLE " + role + "; GRANT " + role + " TO " + reader + ";"
		}
		sql += "GRANT USAGE ON SCHEMA public TO " + role + "; GRANT SELECT ON ALL TABLES IN SCHEMA public TO " + role + ";"
	}
	b.exec(sql)
	b.Cleanup(func() {
		for _, role := range []string{reader, prefix + "_anna", prefix + "_ben"} {
			b.exec("DROP OWNED BY " + role + "; DROP ROLE " + role)
		}
	})
	return prefix, func(c *live.Config) {
		c.Connect = func(ctx context.Context, purpose string) (*pgx.Conn, error) {
			u, err := url.Parse(b.url)
			if err != nil {
				return nil, err
			}
			q := u.Query()
			q.Set("user", reader)
			q.Set("application_name", "rowcast/"+purpose)
			u.User, u.RawQuery = nil, q.Encode()
			return pgx.Connect(ctx, u.String())
		}
	}
}

// governed has the engine read as somebody else than the bench writes as.
func governed(t *testing.T, sql string, change ...func(*live.Config)) (*bench, string) {
	t.Parallel()
	db := pgtest.New(t)
	b := &bench{T: t, url: db.URL, hub: broadcast.New[*delta.State](broadcast.Config{})}
	b.conn = b.connect()
	b.exec(sql)
	b.watch()
	prefix, reads := team(b)
	b.run(append(change, reads)...)
	return b, prefix
}

// theirs is a page of the notes that runs as somebody.
func theirs(role, user string, panels ...dashboard.Panel) *dashboard.Page {
	p := page("/d/notes", append(panels, panel("notes", "SELECT id, text FROM notes ORDER BY id"), panel("who", "SELECT current_user, current_setting('app.user', true)"))...)
	if p.Role = role; user != "" {
		p.Settings = []dashboard.Setting{{Name: "app.user", Value: user}}
	}
	if p.Context = role + user; p.Context != "" {
		p.Context = "as " + p.Context
	}
	return p
}

func (v *viewer) column(id string) string {
	if v.state == nil || v.state.Panels[id] == nil {
		return "nothing"
	}
	var all []string
	for _, r := range v.state.Panels[id].Rows {
		all = append(all, r.Cells[len(r.Cells)-1].Text)
	}
	return strings.Join(all, " ")
}

func TestEachViewerSeesTheRowsThatAreTheirs(t *testing.T) {
	b, prefix := governed(t, owned)
	for _, c := range []struct{ name, role, user string }{{"role", prefix + "_anna", ""}, {"setting", "", "anna"}} {
		v := b.view(theirs(c.role, c.user))
		v.until("anna's rows by "+c.name, func() bool { return v.column("notes") == "a1 a2" && v.is("live") })
	}
	// All pages of one cycle, in one snapshot, one after the other on one session.
	anna, ben := b.view(theirs(prefix+"_anna", "")), b.view(theirs(prefix+"_ben", ""))
	claims, all := b.view(theirs("", "ben")), b.view(theirs("", ""))
	for i := range 10 {
		b.exec(fmt.Sprintf("UPDATE notes SET text = owner || %d", i))
		for v, want := range map[*viewer]string{anna: "anna# anna#", ben: "ben#", claims: "ben#", all: "anna# ben# anna#"} {
			want := strings.ReplaceAll(want, "#", fmt.Sprint(i))
			v.until("their rows", func() bool { return v.column("notes") == want })
		}
	}
	if who := anna.cell("who", 0, 0); who != prefix+"_anna" {
		t.Errorf("anna's page runs as %s", who)
	}
	if who := all.cell("who", 0, 0); who != "reader_"+prefix {
		t.Errorf("the page for all runs as %s", who)
	}
}

// A row that is taken away leaves the screen; one that is deleted tells nothing
// to those who could not see it.
func TestARowThatIsTakenAwayLeavesTheScreen(t *testing.T) {
	b, prefix := governed(t, owned)
	anna, ben := b.view(theirs(prefix+"_anna", "")), b.view(theirs(prefix+"_ben", ""))
	anna.until("live", func() bool { return anna.column("notes") == "a1 a2" && anna.is("live") })
	ben.until("live", func() bool { return ben.column("notes") == "b1" && ben.is("live") })
	b.exec("UPDATE notes SET owner = 'ben' WHERE id = 3")
	anna.until("the row to go", func() bool { return anna.column("notes") == "a1" })
	ben.until("the row to come", func() bool { return ben.column("notes") == "b1 a2" })
	frames := anna.frames
	b.exec("DELETE FROM notes WHERE id = 3")
	ben.until("the row to go", func() bool { return ben.column("notes") == "b1" })
	b.exec("UPDATE notes SET text = 'last' WHERE id = 1")
	anna.until("the last change", func() bool { return anna.column("notes") == "last" })
	if anna.frames != frames+1 {
		t.Errorf("anna got %d frames for one change that she may see", anna.frames-frames)
	}
	b.exec("DROP POLICY by_role ON notes")
	b.exec("UPDATE notes SET text = 'x'")
	anna.until("all rows to go", func() bool { return anna.column("notes") == "" && len(anna.state.Panels["notes"].Rows) == 0 })
}

// What nobody writes rings no bell: rows whose access is withdrawn leave the screen
// with the next reading, which the safety interval brings, whichever of policy,
// membership or grant it was that let them be seen.
func TestRowsLeaveTheScreenWhenTheirAccessIsWithdrawn(t *testing.T) {
	for what, c := range map[string]struct {
		withdraw string
		as       string // the role of the page, after the prefix; "": the reader's own
		fault    string
	}{
		"a policy that is altered": {withdraw: `ALTER POLICY staff ON notes USING (false)`},
		"one for others now":       {withdraw: `ALTER POLICY staff ON notes TO PREFIX_ben`},
		"a policy that is dropped": {withdraw: `DROP POLICY staff ON notes`},
		"a membership":             {withdraw: `REVOKE PREFIX_staff FROM reader_PREFIX`},
		"a grant":                  {withdraw: `REVOKE SELECT ON notes FROM reader_PREFIX`, fault: "forbidden"},
		"a viewer's role":          {withdraw: `REVOKE PREFIX_ben FROM reader_PREFIX`, as: "_ben", fault: "forbidden"},
		"a viewer's membership":    {withdraw: `REVOKE PREFIX_staff FROM PREFIX_ben`, as: "_ben"},
	} {
		t.Run(what, func(t *testing.T) {
			b, prefix := governed(t, `CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes VALUES (1, 'a1'), (2, 'b1');
				ALTER TABLE notes ENABLE ROW LEVEL SECURITY`, func(c *live.Config) { c.Safety, c.Next = 500*time.Millisecond, 100*time.Millisecond })
			ours := func(sql string) { b.exec(strings.ReplaceAll(sql, "PREFIX", prefix)) }
			ours(`REVOKE PREFIX_anna, PREFIX_ben FROM reader_PREFIX; ALTER ROLE reader_PREFIX INHERIT;
				CREATE ROLE PREFIX_staff; GRANT PREFIX_staff TO reader_PREFIX, PREFIX_ben; CREATE POLICY staff ON notes TO PREFIX_staff USING (true)`)
			b.Cleanup(func() { ours(`DROP OWNED BY PREFIX_staff; DROP ROLE PREFIX_staff`) })
			p := theirs("", "")
			if c.as != "" {
				ours(`ALTER ROLE reader_PREFIX NOINHERIT; GRANT PREFIX_ben TO reader_PREFIX`)
				p = theirs(prefix+c.as, "")
			}
			v := b.view(p)
			v.until("the rows", func() bool { return v.column("notes") == "a1 b1" && v.is("live") })
			read := v.told().At
			v.until("another reading", func() bool { return v.told().At.After(read) })
			ours(c.withdraw)
			v.until("the rows to go", func() bool { return v.column("notes") == "" && v.fault("notes") == c.fault })
			if c.fault != "" {
				ours(strings.NewReplacer("REVOKE", "GRANT", "FROM", "TO").Replace(c.withdraw))
				v.until("the rows to come back", func() bool { return v.column("notes") == "a1 b1" && v.fault("notes") == "" })
			}
		})
	}
}

// What a panel does to its session does not count for the next one.
func TestAPanelCannotBecomeSomebodyElseForTheNext(t *testing.T) {
	b, prefix := governed(t, owned)
	sly := panel("sly", "SELECT set_config('role', 'none', true), set_config('app.user', 'ben', true) FROM shared")
	claims := b.view(theirs("", "anna", sly))
	claims.until("anna's rows", func() bool { return claims.column("notes") == "a1 a2" })
	anna := b.view(theirs(prefix+"_anna", "", sly)) // whose page knows nothing of the other's setting
	anna.until("anna's rows", func() bool { return anna.column("notes") == "a1 a2" })
	for range 5 {
		b.exec("UPDATE shared SET v = v + 1; UPDATE notes SET id = id")
		anna.until("live", func() bool { return anna.is("live") })
		if anna.column("notes") != "a1 a2" || claims.column("notes") != "a1 a2" {
			t.Fatalf("%q and %q", anna.column("notes"), claims.column("notes"))
		}
	}
}

func TestWhoMayNotBecomeTheViewerSaysSo(t *testing.T) {
	b, prefix := governed(t, owned)
	for _, role := range []string{prefix + "_nobody", "postgres", "NONE"} {
		p := theirs(role, "")
		v := b.view(p)
		v.until("the error", func() bool { return v.fault("notes") != "" })
		if got := v.column("notes"); got != "" {
			t.Errorf("as %s: %s", role, got)
		}
	}
	good := b.view(theirs(prefix+"_ben", ""))
	good.until("another page", func() bool { return good.column("notes") == "b1" && good.is("live") })
}

// A role above the rules would show everybody every row.
func TestARoleAboveTheRulesShowsNothing(t *testing.T) {
	b := start(t, owned)
	v := b.view(theirs("", "anna"))
	v.until("the refusal", func() bool { return v.fault("notes") == "forbidden" })
	if got := v.column("notes"); got != "" {
		t.Errorf("it shows %s", got)
	}
}

// A role may be given that power while pages are open, the one that reads as well as
// one that a page becomes; and another page of the same session keeps its rows.
func TestARoleThatRisesAboveTheRulesShowsNothing(t *testing.T) {
	b, prefix := governed(t, owned, func(c *live.Config) { c.Safety, c.Next = 500*time.Millisecond, 100*time.Millisecond })
	ben := b.view(theirs(prefix+"_ben", ""))
	for role, c := range map[string]struct{ as, user string }{prefix + "_anna": {as: prefix + "_anna"}, "reader_" + prefix: {user: "anna"}} {
		v := b.view(theirs(c.as, c.user))
		v.until("anna's rows", func() bool { return v.column("notes") == "a1 a2" && v.is("live") })
		b.exec("ALTER ROLE " + role + " BYPASSRLS")
		v.until("the refusal to "+role, func() bool { return v.fault("notes") == "forbidden" && v.column("notes") == "" })
		late := b.view(theirs(c.as, c.user))
		late.until("the refusal to who comes later", func() bool { return late.fault("notes") == "forbidden" && late.column("notes") == "" })
		b.exec("UPDATE notes SET id = id")
		ben.until("his rows", func() bool { return ben.column("notes") == "b1" && ben.is("live") && ben.fault("notes") == "" })
		b.exec("ALTER ROLE " + role + " NOBYPASSRLS")
		v.until("the rows to come back", func() bool { return v.column("notes") == "a1 a2" && v.fault("notes") == "" })
	}
}

func TestThoseWhoSeeTheSameShareOnePage(t *testing.T) {
	b, prefix := governed(t, owned)
	one, two := b.view(theirs(prefix+"_anna", "")), b.view(theirs(prefix+"_anna", ""))
	other := b.view(theirs(prefix+"_ben", ""))
	for _, v := range []*viewer{one, two, other} {
		v.until("live", func() bool { return v.is("live") })
	}
	if n := b.engine.Stats().Pages; n != 2 {
		t.Errorf("%d pages are read for two kinds of viewers", n)
	}
	if one.state.Cursor != two.state.Cursor || one.state.Cursor == other.state.Cursor {
		t.Errorf("cursors %s, %s and %s", one.state.Cursor, two.state.Cursor, other.state.Cursor)
	}
}
