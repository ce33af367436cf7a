package e2e_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/postgres"
)

// testAStandbyIsPromotedAndRestored holds that a standby is served by the clock,
// late as it is, and never called live; that it is live once it is promoted; and
// that a server which is restored to an earlier time is shown as it is, without a
// gap.
func testAStandbyIsPromotedAndRestored(t *testing.T) {
	primary := pgtest.Server(t, nil)
	script(t, pgtest.Connect(t, primary.URL()), `CREATE TABLE words (word text PRIMARY KEY)`, `INSERT INTO words VALUES ('a')`)
	watchAs(t, primary.URL(), "public.*")
	standby := pgtest.Server(t, nil)
	if err := standby.Stop(postgres.Fast); err != nil {
		t.Fatal(err)
	}
	if err := primary.Stop(postgres.Fast); err != nil {
		t.Fatal(err)
	}
	earlier := filepath.Join(t.TempDir(), "earlier")
	copyData(t, dataOf(primary), earlier)
	restore(t, earlier, standby)
	if err := primary.Restart(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(primary.URL())
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dataOf(standby), "standby.signal"), "")
	put(t, filepath.Join(dataOf(standby), "postgresql.auto.conf"), fmt.Sprintf(`primary_conninfo = 'host=%s port=%s user=postgres'
		recovery_min_apply_delay = '1s'
		`, at.Query().Get("host"), at.Query().Get("port")))
	if err := standby.Restart(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}
	const page = "/d/words"
	words := question{id: "words", query: "SELECT word FROM words ORDER BY word"}
	s := newScene(t, standby.URL(), map[string][]question{"words": {words}}, nil, "--safety", safetyPace.String(), "--watch", "none")
	writer := pgtest.Connect(t, primary.URL())

	s.soon(page, "what the standby has, by the clock", clockPace+moment, both(showing("words", "a"), saying("timed", "standby")))
	script(t, writer, `INSERT INTO words VALUES ('b')`)
	took := s.soon(page, "what it has applied since", clockPace+time.Second+moment, showing("words", "a", "b"))
	t.Logf("a write at the primary, applied a second late: shown after %s", took.Round(10*time.Millisecond))
	s.soon(page, "still by the clock", moment, saying("timed", "standby"))
	s.never(page, "live", time.Time{})

	_ = writer.Close(t.Context())
	if err := primary.Stop(postgres.Fast); err != nil {
		t.Fatal(err)
	}
	promoted := pgtest.Connect(t, standby.URL())
	script(t, promoted, `SELECT pg_promote()`) // which waits for it
	took = s.soon(page, "live at the new primary", rightWithin, both(showing("words", "a", "b"), saying("live", "")))
	t.Logf("live %s after the promotion", took.Round(10*time.Millisecond))
	script(t, promoted, `INSERT INTO words VALUES ('c')`)
	s.soon(page, "a write there", moment, showing("words", "a", "b", "c"))

	_ = promoted.Close(t.Context())
	if err := standby.Stop(postgres.Fast); err != nil {
		t.Fatal(err)
	}
	restore(t, earlier, standby)
	if err := standby.Restart(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}
	took = s.soon(page, "what there was before", rightWithin, both(showing("words", "a"), saying("live", "")))
	t.Logf("restored to an earlier time: right after %s", took.Round(10*time.Millisecond))
	script(t, pgtest.Connect(t, standby.URL()), `INSERT INTO words VALUES ('d')`)
	s.soon(page, "a write there", moment, showing("words", "a", "d"))
}

func dataOf(s *postgres.Server) string { return filepath.Join(s.Dir(), "data") }

// restore puts a copy in the place of a stopped server's data.
func restore(t *testing.T, from string, to *postgres.Server) {
	t.Helper()
	if err := os.RemoveAll(dataOf(to)); err != nil {
		t.Fatal(err)
	}
	copyData(t, from, dataOf(to))
}

// copyData copies a data directory with its owner.
func copyData(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v\n%s", from, err, out)
	}
}

// put writes a file that the server has to read.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
