package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// The server's own page is one as any other, and tells what the server does.
func TestStatusPage(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text)`)
	s := serve(t, db.URL, "--watch", "public.*")
	hear := events(t, s, "/status")
	hear(`"type":"snapshot"`, `"page":"/status"`)
	hear(`"state":"timed"`, `"every_ms":1000`)
	notes := events(t, s, "/t/public.notes")
	notes(`"state":"live"`)
	hear(`"viewers":{"ops":[["=","[]",{"0":"2"`) // and one of them watches the table
	db.Exec(t, `INSERT INTO notes VALUES (1, 'seen')`)
	notes("seen")
	hear(`"type":"delta"`, `/t/public.notes`) // among the panels that were read
	for path, want := range map[string]string{
		"status": "Database sessions", "": `href="/status"`, "status/viewers.csv": "2,", "api/v1/page?page=/status": `"kind":"status"`,
		"status?kiosk": "Server status", "status/examined.json": "this is the primary",
	} {
		if code, body := get(t, s.url+path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, without %q:\n%.300s", path, code, want, body)
		}
	}
	// A metric that the page names and nobody counts would be null for ever.
	var shown struct {
		Panels map[string]struct{ Rows [][]*string }
	}
	_, body := get(t, s.url+"api/v1/snapshot?page=/status")
	if err := json.Unmarshal([]byte(body), &shown); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"viewers", "frames", "proof", "statements", "waited", "sessions", "process"} {
		rows := shown.Panels[id].Rows
		if len(rows) != 1 {
			t.Fatalf("%s has %d rows", id, len(rows))
		}
		for i, cell := range rows[0] {
			if cell == nil {
				t.Errorf("%s: column %d is null", id, i)
			}
		}
	}
	if code, _ := get(t, s.url+"status/none.csv"); code != http.StatusNotFound {
		t.Errorf("a panel that is not there: %d", code)
	}
}
