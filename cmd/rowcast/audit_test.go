package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/rowcast/rowcast/access"
)

// told is a line of the audit log.
type told struct{ Event, User, From, Page, Name, Link, File, Time string }

// Each event that there is in the source is told of the running server, or of the
// commands beside it: by whom, from where, and about what.
func TestTheAuditLogTellsEachEvent(t *testing.T) {
	state := t.TempDir()
	audit := filepath.Join(state, "audit")
	at := []string{"--state", state, "--audit-log", audit}
	const secret = "correct horse"
	add := func(name string, groups ...string) {
		t.Helper()
		c := userAddCommand{Name: name, Groups: groups}
		c.State, c.AuditLog = state, audit
		if err := c.Run(&streams{in: strings.NewReader(secret + "\n"), out: &output{}, err: &output{}}); err != nil {
			t.Fatal(err)
		}
	}
	add("anna", "ops")
	add("ben")
	s, files := guardedBy(t, state, "--auth", "password", "--state", state)
	rules := filepath.Join(files, "rules")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	post := func(path string, form url.Values, cookie string) *http.Response {
		t.Helper()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Cookie", cookie)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	signIn := func(name string) string {
		t.Helper()
		resp := post("sign-in", url.Values{"name": {name}, "password": {secret}}, "")
		for _, c := range resp.Cookies() {
			if c.Name == access.CookieName {
				return c.Name + "=" + c.Value
			}
		}
		t.Fatalf("%s does not get in: %d", name, resp.StatusCode)
		return ""
	}
	anna, ben := signIn("anna"), signIn("ben")
	for range 12 { // more than are tried
		post("sign-in", url.Values{"name": {"eve"}, "password": {"a guess"}}, "")
	}
	socket, _ := held(t, s, "/d/till", anna)
	as(t, s.url+"d/till?customer=Miller", "Cookie", ben)
	command := func(args ...string) string {
		t.Helper()
		out, err := command(t, append(append(args[:2:2], at...), args[2:]...)...)
		if err != nil {
			t.Fatal(args, err)
		}
		return out
	}
	token := strings.TrimPrefix(strings.TrimSpace(command("share", "add", "/d/till?customer=Miller")), "/s/")
	id, _, _ := strings.Cut(token, ".")
	command("share", "revoke", "--", id)
	command("user", "sign-out", "anna")
	anna = signIn("anna")
	if resp := post("sign-out", nil, anna); resp.StatusCode != http.StatusSeeOther { // has everybody looked at
		t.Fatal(resp.StatusCode)
	}
	if code := <-socket; code != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", code)
	}
	command("user", "remove", "ben")
	// A stranger's tries are one line a minute, whatever is tried.
	for _, path := range []string{"s/" + token + "/d/till", "d/till?customer=Miller", "t/public.notes"} {
		as(t, s.url+path, "Cookie", access.CookieName+"=made-up")
	}

	log, err := os.ReadFile(audit)
	if err != nil {
		t.Fatal(err)
	}
	who := operator()
	missing := map[string]told{
		"sign_in": {User: "anna", From: "127.0.0.1"}, "sign_in_failed": {User: "eve", From: "127.0.0.1"}, "sign_in_limited": {User: "eve", From: "127.0.0.1"},
		"sign_out": {User: "anna", From: "127.0.0.1"}, "page_opened": {User: "anna", From: "127.0.0.1", Page: "/d/till"},
		"denied": {User: "ben", From: "127.0.0.1", Page: "/d/till"}, "viewer_ended": {User: "anna", From: "127.0.0.1", Page: "/d/till"},
		"link_made": {User: who, Page: "/d/till", Link: id}, "link_revoked": {User: who, Link: id},
		"user_set": {User: who, Name: "ben"}, "user_removed": {User: who, Name: "ben"}, "sessions_ended": {User: who, Name: "anna"},
		"rules_changed": {File: rules},
	}
	source, err := os.ReadFile("../../access/audit.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range regexp.MustCompile(`Event = "(.+)"`).FindAllSubmatch(source, -1) {
		if _, known := missing[string(event[1])]; !known {
			t.Errorf("what tells %s?", event[1])
		}
	}
	strangers := 0
	for line := range strings.Lines(string(log)) {
		var is told
		if err := json.Unmarshal([]byte(line), &is); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if when, err := time.Parse(time.RFC3339Nano, is.Time); err != nil || time.Since(when) > time.Minute {
			t.Errorf("it does not say when: %s", line)
		}
		event := is.Event
		if is.Event, is.Time = "", ""; is == missing[event] {
			delete(missing, event)
		}
		if event == "denied" && is == (told{From: "127.0.0.1", Page: "/d/till"}) {
			strangers++
		}
	}
	if strangers != 1 {
		t.Errorf("strangers' tries are told %d times in\n%s", strangers, log)
	}
	for event, want := range missing {
		t.Errorf("%s is not told as %+v in\n%s", event, want, log)
	}
	for _, hidden := range []string{secret, "a guess", "Miller", token, strings.TrimPrefix(anna, access.CookieName+"=")} {
		if strings.Contains(string(log)+s.log.String(), hidden) {
			t.Errorf("a log holds %q", hidden)
		}
	}
}

// Who is let in is changed at the command line too, and told in the same log.
func TestTheCommandLineIsAudited(t *testing.T) {
	state := t.TempDir()
	audit := filepath.Join(state, "audit")
	told := func() string {
		b, err := os.ReadFile(audit)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if err := access.SetUser(filepath.Join(state, "users"), "anna", "correct horse", nil); err != nil {
		t.Fatal(err)
	}
	at := []string{"--state", state, "--audit-log", audit}
	link, err := command(t, append([]string{"share", "add", "/d/till?customer=Miller", "--note", "hall"}, at...)...)
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimPrefix(strings.TrimSpace(link), "/s/")
	id, _, _ := strings.Cut(token, ".")
	for _, args := range [][]string{{"share", "revoke", "--", id}, {"user", "sign-out", "anna"}, {"user", "remove", "anna"}} {
		args = append(append(args[:2:2], at...), args[2:]...)
		if _, err := command(t, args...); err != nil {
			t.Fatal(args, err)
		}
	}
	for _, line := range []string{`"event":"link_made","user":"os:`, `"page":"/d/till","link":"` + id + `"`, `"event":"link_revoked"`, `"event":"sessions_ended"`, `"event":"user_removed"`, `"name":"anna"`} {
		if !strings.Contains(told(), line) {
			t.Errorf("no %s in %s", line, told())
		}
	}
	if strings.Contains(told(), token) || strings.Contains(told(), "Miller") {
		t.Errorf("it holds a secret or a value: %s", told())
	}
	// What cannot be told is not done.
	if _, err := command(t, "share", "add", "/d/till", "--state", state, "--audit-log", filepath.Join(state, "no", "folder")); err == nil {
		t.Error("a link was made in secret")
	}
	if list, err := command(t, "share", "list", "--state", state); err != nil || strings.Contains(list, "/d/till") {
		t.Errorf("%v %s", err, list)
	}
}

// Who is removed leaves no link behind; those of others stay, and those that are made at
// the command line, which are nobody's.
func TestLinksEndWithTheirMaker(t *testing.T) {
	state := t.TempDir()
	links, err := access.OpenLinks(state, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"anna", "ben", "", "anna", "cleo"} {
		if _, _, err := links.Make("/d/till", "by "+by, by, access.ModePassword, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"anna", "cleo"} {
		if err := access.SetUser(filepath.Join(state, "users"), name, "correct horse", nil); err != nil {
			t.Fatal(err)
		}
	}
	audit := filepath.Join(state, "audit")
	for _, c := range []struct {
		args  string
		left  int
		said  string
		fails bool
	}{
		{args: "share revoke", left: 5, fails: true},
		{args: "share revoke --by anna some", left: 5, fails: true},
		{args: "share revoke --by nobody", left: 5, said: "0 links of nobody lead nowhere"},
		{args: "user remove anna", left: 3, said: "2 links of anna lead nowhere"},
		{args: "user remove cleo --users " + filepath.Join(state, "users"), left: 2, said: "1 links of cleo"},
		{args: "share revoke --by ben", left: 1, said: "1 links of ben lead nowhere"},
	} {
		out, err := command(t, append(strings.Fields(c.args), "--state", state, "--audit-log", audit)...)
		all, listErr := links.List()
		if (err != nil) != c.fails || listErr != nil || len(all) != c.left || !strings.Contains(out, c.said) {
			t.Errorf("%s: %d links are left, want %d; %v, %v; it says %s", c.args, len(all), c.left, err, listErr, out)
		}
	}
	log, err := os.ReadFile(audit)
	if err != nil || strings.Count(string(log), `"event":"link_revoked"`) != 4 || strings.Count(string(log), `"by":"anna"`) != 2 {
		t.Errorf("%v: %s", err, log)
	}
	// Where the folder is not said, who removes a user is told what to do.
	if err := access.SetUser(filepath.Join(state, "users"), "dora", "correct horse", nil); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t, "user", "remove", "dora", "--users", filepath.Join(state, "users")); err != nil || !strings.Contains(out, "rowcast share revoke --by dora --state DIR") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := command(t, "share", "revoke", "--by", "ben", "--state", t.TempDir()); err != nil || !strings.Contains(out, "0 links") {
		t.Errorf("a folder without links: %v: %s", err, out)
	}
}
