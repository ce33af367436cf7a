package access

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"
)

var quiet = slog.New(slog.DiscardHandler)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// passwordGate has the user anna, whose password is "correct horse".
func passwordGate(t *testing.T, life time.Duration) (*Gate, string) {
	t.Helper()
	dir := t.TempDir()
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users, err := OpenUsers(write(t, dir, "users", fmt.Sprintf("anna:%s:sales\n", hash)), quiet)
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := OpenSessions(dir, life, quiet)
	if err != nil {
		t.Fatal(err)
	}
	browsers, err := OpenBrowsers(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{Mode: ModePassword, Users: users, Browsers: browsers, Sessions: sessions, Policy: &Policy{}, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return g, dir
}

func TestRules(t *testing.T) {
	anna := Viewer{Name: "anna", Groups: []string{"sales", "night"}}
	for _, c := range []struct {
		rule Rule
		in   bool
	}{
		{Rule{}, false},
		{Rule{Everyone: true}, true},
		{Rule{Users: []string{"ben", "anna"}}, true},
		{Rule{Users: []string{"Anna", "ann", "sales", ""}}, false},
		{Rule{Groups: []string{"night"}}, true},
		{Rule{Groups: []string{"anna", ""}}, false},
	} {
		if c.rule.Names(anna) != c.in {
			t.Errorf("%+v names anna: %v", c.rule, !c.in)
		}
		if c.rule.Names(Viewer{}) || c.rule.Names(Viewer{Groups: []string{"night"}}) {
			t.Errorf("%+v names nobody", c.rule)
		}
	}
}

func TestUsersFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "users")
	for _, bad := range [][2]string{{"anna", "short"}, {"an na", "long enough"}, {"a:b", "long enough"}, {"", "long enough"}, {"#x", "long enough"}, {"anna", strings.Repeat("x", 2000)}} {
		if SetUser(path, bad[0], bad[1], nil) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if err := SetUser(path, "anna", "correct horse", []string{"sales", "night"}); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(path)
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 || strings.Contains(string(b), "horse") {
		t.Errorf("%v %s", info.Mode(), b)
	}
	if err := os.WriteFile(path, append([]byte("# the night shift\n"), b...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(SetUser(path, "ben", "battery staple", nil), SetUser(path, "anna", "another horse", []string{"day"})); err != nil {
		t.Fatal(err)
	}
	users, err := OpenUsers(path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, password string
		err            error
	}{{"anna", "another horse", nil}, {"anna", "correct horse", ErrWrong}, {"ben", "battery staple", nil}, {"ben", "", ErrWrong}, {"nobody", "nobody has this password", ErrWrong}, {"", "", ErrWrong},
		{"anna", strings.Repeat("x", 1<<16), ErrWrong}} {
		if _, err := users.check(t.Context(), c.name, c.password); !errors.Is(err, c.err) {
			t.Errorf("%s with %.20q: %v", c.name, c.password, err)
		}
	}
	if err := RemoveUser(path, "ben"); err != nil {
		t.Fatal(err)
	}
	list, err := ListUsers(path)
	if err != nil || len(list) != 1 || list[0].Name != "anna" || !slices.Equal(list[0].Groups, []string{"day"}) {
		t.Errorf("%+v %v", list, err)
	}
	if b, _ := os.ReadFile(path); !strings.HasPrefix(string(b), "# the night shift\n") {
		t.Errorf("the comment is gone: %s", b)
	}
	if RemoveUser(path, "ben") == nil {
		t.Error("ben was removed twice")
	}
	for _, bad := range []string{"anna", "anna:secret", "anna:$2y$99$x", "a b:$2y", "anna:$argon2id$v=19$m=99999999,t=1,p=1$YWFhYWFhYWE$YWFhYWFhYWE", "a:b:c:d"} {
		if _, err := parseUsers([]byte(bad)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTheAuditLogIsNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		a := audit{log: slog.New(slog.NewJSONHandler(&told, nil))}
		count := func() int { return strings.Count(told.String(), "\n") }
		for range 100 {
			a.write(EventOpened, "anna", "10.0.0.1", "/d/shop?customer=Miller")
			a.write(EventSignInLimited, "", "10.0.0.1", "")
		}
		if count() != 2 || strings.Contains(told.String(), "Miller") {
			t.Errorf("%s", told.String())
		}
		time.Sleep(again)
		a.write(EventOpened, "anna", "10.0.0.1", "/d/shop")
		a.write(EventSignIn, "anna", "10.0.0.1", "")
		a.write(EventSignIn, "anna", "10.0.0.1", "")
		if count() != 5 {
			t.Errorf("%d lines", count())
		}
		for range 10 { // it stays open, and comes again now and then
			time.Sleep(again - time.Second)
			a.write(EventOpened, "anna", "10.0.0.1", "/d/shop")
			a.write(EventDenied, "anna", "10.0.0.1", "/d/shop")
		}
		if count() != 10 {
			t.Errorf("%d lines after ten minutes", count())
		}
		for i := range 2 * mostCounted {
			a.write(EventDenied, fmt.Sprint(i), strings.Repeat("x", 1000), strings.Repeat("/d/\x1b[31m\n", 1000))
		}
		if len(a.told) > mostCounted {
			t.Errorf("%d things are remembered", len(a.told))
		}
		for line := range strings.Lines(told.String()) {
			if len(line) > 3000 || strings.ContainsRune(line, 0x1b) {
				t.Fatalf("%d bytes: %.100q", len(line), line)
			}
		}
	})
}

func TestFailuresHaveABound(t *testing.T) {
	var limited Throttle
	now := time.Now()
	for i := range 3 * mostCounted {
		limited.Wait(fmt.Sprint(i), perName, now)
	}
	if n := len(limited.empty); n > mostCounted {
		t.Errorf("%d keys are kept", n)
	}
}

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, dir := passwordGate(t, time.Hour)
		request := func(c *http.Cookie) *http.Request {
			r := httptest.NewRequest("GET", "/", nil)
			r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
			return r
		}
		var kept []*http.Cookie
		for range 3 {
			c, _, err := signIn(t, g, "anna", "correct horse", "10.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, c)
		}
		if kept[0].Value == kept[1].Value || len(kept[0].Value) < 43 {
			t.Errorf("tokens %q and %q", kept[0].Value, kept[1].Value)
		}
		p, err := g.Who(request(kept[0]))
		if err != nil || p.Viewer.Name != "anna" || !slices.Equal(p.Viewer.Groups, []string{"sales"}) {
			t.Fatalf("%+v %v", p, err)
		}
		// Another server on the same folder knows it, and one that starts later.
		sessions, err := OpenSessions(dir, time.Hour, quiet)
		if err != nil {
			t.Fatal(err)
		}
		other, err := New(Config{Mode: ModePassword, Users: g.config.Users, Browsers: g.config.Browsers, Sessions: sessions, Policy: &Policy{}, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Who(request(kept[0])); err != nil {
			t.Error(err)
		}
		if _, err := other.SignOut(p, ""); err != nil {
			t.Error(err)
		}
		if _, err := g.Still(p); !errors.Is(err, ErrEnded) {
			t.Errorf("after a sign-out elsewhere: %v", err)
		}
		if _, err := g.Who(request(kept[1])); err != nil {
			t.Errorf("another session of the same user: %v", err)
		}
		if n, err := sessions.EndAll("ben"); n != 0 || err != nil {
			t.Error(n, err)
		}
		if n, err := sessions.EndAll("anna"); n != 2 || err != nil {
			t.Error(n, err)
		}
		last, _, err := signIn(t, g, "anna", "correct horse", "10.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Second)
		if _, err := g.Who(request(last)); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := g.Who(request(last)); !errors.Is(err, ErrEnded) {
			t.Errorf("at its end: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := sessions.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(filepath.Join(dir, "sessions")); len(left) != 0 {
			t.Errorf("%d files are left", len(left))
		}
	})
}

func TestAFileThatIsWrongKeepsItsLastVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		path := write(t, t.TempDir(), "access.yaml", "admins: {users: [root]}\n")
		p, err := OpenPolicy(path, slog.New(slog.NewTextHandler(&said, nil)), nil)
		if err != nil {
			t.Fatal(err)
		}
		root := Viewer{Name: "root"}
		for range 3 {
			write(t, filepath.Dir(path), "access.yaml", "admins: {users: [root}")
			time.Sleep(lookEvery)
			if !p.get().Admins.Names(root) {
				t.Error("a mistake takes the rules away")
			}
		}
		if n := strings.Count(said.String(), "its last version stays"); n == 0 || n > 3 {
			t.Errorf("said %d times: %s", n, said.String())
		}
		write(t, filepath.Dir(path), "access.yaml", "admins: {users: [other]}\n")
		time.Sleep(lookEvery)
		if p.get().Admins.Names(root) {
			t.Error("a change is not seen")
		}
	})
}

// The rules that count are told with what tells one file from another: those at the
// start, and each that is taken later; no mistake, and none that says the same again.
func TestRulesThatChangeAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		path := write(t, t.TempDir(), "access.yaml", "admins: {users: [root]}\n")
		p, err := OpenPolicy(path, quiet, nil)
		if err != nil {
			t.Fatal(err)
		}
		g, err := New(Config{Mode: ModeProxy, Proxies: Proxies{netip.MustParsePrefix("127.0.0.1/32")}, Headers: Headers{User: "X-User"}, Policy: p,
			Audit: slog.New(slog.NewTextHandler(&said, nil))})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			text string
			told int
		}{{"", 1}, {"admins: {users: [root, eve]}\n", 2}, {"admins: {users: [root, eve]}\n", 2}, {"admins: {users: [root", 2}, {"admins: {users: [root]}\n", 3}} {
			if c.text != "" {
				time.Sleep(2 * lookEvery)
				write(t, filepath.Dir(path), "access.yaml", c.text)
			}
			g.Admin(Viewer{Name: "root"})
			if n := strings.Count(said.String(), "event=rules_changed file="+path+" sha256="); n != c.told {
				t.Errorf("after version %d told %d times, want %d:\n%s", i, n, c.told, &said)
			}
		}
		var sums []string
		for _, m := range regexp.MustCompile(`sha256=(\w{64})`).FindAllStringSubmatch(said.String(), -1) {
			sums = append(sums, m[1])
		}
		if len(sums) != 3 || sums[0] != sums[2] || sums[0] == sums[1] {
			t.Errorf("versions are told as %v", sums)
		}
	})
}

func TestPolicy(t *testing.T) {
	p, err := parsePolicy([]byte("tables:\n  - match: [public.*]\n    groups: [sales]\n  - match: [public.holidays, hr.?]\n    everyone: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Rule{
		"public.orders":   {Groups: []string{"sales"}},
		"public.holidays": {Everyone: true, Groups: []string{"sales"}},
		"hr.a":            {Everyone: true}, "hr.salaries": {}, "publicx.orders": {}, "x.public.orders": {},
	} {
		schema, table, _ := strings.Cut(name, ".")
		if got := p.table(schema, table); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	for _, bad := range []string{"admin: {}", "tables: [{groups: [x]}]", "tables: [{match: ['[']}]", "admins: [root]", "- x", "admins: {user: [x]}"} {
		if _, err := parsePolicy([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestOneWayInIsOpen(t *testing.T) {
	g, _ := passwordGate(t, time.Hour)
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr, r.Header = "127.0.0.1:99", http.Header{"X-Forwarded-User": {"anna"}}
	if _, err := g.Who(r); !errors.Is(err, ErrNobody) {
		t.Errorf("a header signs in where passwords do: %v", err)
	}
	for _, c := range []Config{{}, {Policy: &Policy{}}, {Mode: "none", Policy: &Policy{}}, {Mode: ModePassword, Policy: &Policy{}}, {Mode: ModeProxy, Policy: &Policy{}},
		{Mode: ModeProxy, Policy: &Policy{}, Headers: Headers{User: "X"}}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v makes a gate", c)
		}
	}
}

// One hammer for the race detector.
func TestGateIsForMany(t *testing.T) {
	g, dir := passwordGate(t, time.Hour)
	c, _, err := signIn(t, g, "anna", "correct horse", "10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(c)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				if p, err := g.Who(r); err == nil {
					g.May(p.Viewer, Rule{Everyone: true})
					g.Tell(EventOpened, p, fmt.Sprint(i), "/d/shop?x=secret")
				} else {
					t.Error(err)
				}
			}
		})
	}
	if err := SetUser(filepath.Join(dir, "users"), "ben", "battery staple", nil); err != nil {
		t.Error(err)
	}
	all.Wait()
}
