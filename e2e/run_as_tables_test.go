package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

const ownNotes = `CREATE TABLE notes (id int PRIMARY KEY, owner text, body text);
INSERT INTO notes VALUES (1, 'anna', 'written by anna'), (2, 'ben', 'written by ben'), (3, 'anna', 'anna again');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE TABLE other (id int PRIMARY KEY);
CREATE POLICY own ON notes FOR SELECT USING (owner = current_setting('app.user', true));
ANALYZE notes;`

// With run_as in the file of rules, whatever leads to a table's rows shows each
// viewer those that are theirs: the page, its stream, files, counts and single rows.
func TestTablePagesRunAsTheirViewer(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, ownNotes)
	reader := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	db.Script(t, "CREATE ROLE "+reader+" LOGIN; GRANT SELECT ON notes, other TO "+reader)
	t.Cleanup(func() { db.Script(t, "DROP OWNED BY "+reader+"; DROP ROLE "+reader) })
	as, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := as.Query()
	q.Set("user", reader)
	as.User, as.RawQuery = nil, q.Encode()

	rules := filepath.Join(t.TempDir(), "access.yaml")
	write := func(text string) {
		if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const seen = "tables: [{match: ['public.*'], everyone: true}]\n"
	write(seen + "run_as: {settings: {app.user: '{user}'}}\n")
	p := start(t, binary(t), nil, "serve", "--database-url", as.String(), "--admin-database-url", db.URL, "--watch", "public.*", "--safety", "2s",
		"--listen", "127.0.0.1:0", "--auth", "proxy", "--trusted-proxy", "127.0.0.1", "--access", rules)
	ask := func(who, path string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(p.URL, "/")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-User", who)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return fmt.Sprint(res.StatusCode, " ", string(b))
	}
	page := "page=" + url.QueryEscape("/t/public.notes")
	for _, c := range []struct{ path, anna, ben string }{
		{"/t/public.notes", "written by anna", "written by ben"},
		{"/t/public.notes?where=id.gt.0", "written by anna", "written by ben"},
		{"/api/v1/snapshot?" + page, "written by anna", "written by ben"},
		{"/t/public.notes/rows.csv", "written by anna", "written by ben"},
		{"/t/public.notes/all.csv", "written by anna", "written by ben"},
		{"/t/public.notes/all.json", "written by anna", "written by ben"},
		{"/api/v1/count?" + page, `"rows":2,"exact":true`, `"rows":1,"exact":true`},
		{"/api/v1/row?" + page + "&key=" + url.QueryEscape(`["1"]`), "200", "404"},
		{"/api/v1/row?" + page + "&key=" + url.QueryEscape(`["2"]`), "404", "200"},
	} {
		for _, who := range []struct{ name, sees, other string }{{"anna", c.anna, c.ben}, {"ben", c.ben, c.anna}} {
			if body := ask(who.name, c.path); !strings.Contains(body, who.sees) || strings.Contains(body, who.other) {
				t.Errorf("%s shows %s: %.600s", c.path, who.name, body)
			}
		}
	}
	for _, path := range []string{"/api/v1/pages", "/api/v1/page?" + page} {
		if body := ask("ben", path); !strings.Contains(body, "notes") || strings.Contains(body, `"rows_estimate"`) || strings.Contains(body, `"rows":3`) {
			t.Errorf("%s tells how many rows others have: %s", path, body)
		}
	}

	// Rows that come, before and after the catalog was looked at again.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ben := listen(t, ctx, p.URL+"api/v1/events?"+page, "ben")
	ben.expect(t, `"state":"live"`)
	db.Exec(t, `INSERT INTO notes VALUES (4, 'anna', 'for anna alone'), (5, 'ben', 'one more for ben')`)
	if said := ben.expect(t, "one more for ben"); strings.Contains(said, "for anna alone") {
		t.Errorf("ben hears %s", said)
	}
	other := listen(t, ctx, p.URL+"api/v1/events?page="+url.QueryEscape("/t/public.other"), "ben")
	other.expect(t, `"state":"live"`)
	db.Script(t, `ALTER TABLE notes ADD COLUMN more int; ALTER TABLE notes DROP COLUMN more; ALTER TABLE other ADD COLUMN more int`)
	other.expect(t, `"type":"reload"`)
	db.Exec(t, `INSERT INTO notes VALUES (6, 'ben', 'the last for ben')`)
	ben.expect(t, "the last for ben")
	if !p.says(`"page":"/t/public.other"`, patience) || strings.Contains(p.tail(), `is not what it was","page":"/t/public.notes"`) {
		t.Errorf("a page that is somebody's is taken for another one:\n%s", p.tail())
	}
	other.close()

	// Rows of others that go tell nothing, and what is withdrawn without a write
	// leaves: PostgreSQL keeps a plan although the role is no member any more.
	db.Exec(t, `DELETE FROM notes WHERE owner = 'anna' AND id > 1`)
	db.Exec(t, `UPDATE notes SET body = 'after the deletion' WHERE id = 6`)
	if said := ben.expect(t, "after the deletion"); strings.Count(said, `"type":"delta"`) != 1 {
		t.Errorf("ben hears of rows that are not his: %s", said)
	}
	staff := "staff_" + reader
	db.Script(t, fmt.Sprintf(`CREATE ROLE %[1]s; GRANT %[1]s TO %[2]s; ALTER POLICY own ON notes TO %[1]s; UPDATE notes SET body = 'for staff' WHERE id = 6`, staff, reader))
	t.Cleanup(func() { db.Script(t, "DROP POLICY own ON notes; DROP ROLE "+staff) })
	ben.expect(t, "for staff")
	db.Exec(t, "REVOKE "+staff+" FROM "+reader)
	began := time.Now()
	ben.expect(t, `["-",`)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("what is withdrawn leaves after %v", took)
	}
	if body := ask("ben", "/api/v1/snapshot?"+page); strings.Contains(body, "for staff") {
		t.Errorf("it is still there: %s", body)
	}
	db.Exec(t, "GRANT "+staff+" TO "+reader)

	// Without it, what the rule for the one role leaves is all there is: nothing.
	write(seen)
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if body := ask("anna", "/t/public.notes/all.csv"); !strings.Contains(body, "anna") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a rule that was taken away still counts")
		}
	}
	ben.close()
	// A mistake in it keeps the last version.
	write(seen + "run_as: {settings: {role: '{user}'}}\n")
	for deadline := time.Now().Add(patience); !strings.Contains(p.tail(), "no setting of your own"); time.Sleep(50 * time.Millisecond) {
		if ask("anna", "/"); time.Now().After(deadline) {
			t.Fatalf("a mistake is not told:\n%s", p.tail())
		}
	}
}
