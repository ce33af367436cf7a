package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// What a panel may put on the database's disk is bounded by the reading role, where it
// is told to: past it the panel has its error, and the others of its page their rows.
func TestTemporaryFilesAreBounded(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	role := newRole(t, db)
	db.Exec(t, `ALTER ROLE `+role+` SET temp_file_limit = '1MB'`)
	files := t.TempDir()
	const board = `title: Spills
panels:
  - {id: spills, type: stat, query: 'SELECT max(n) FROM (SELECT n FROM generate_series(1, 300000) n ORDER BY -n OFFSET 1) q'}
  - {id: well, type: table, query: "SELECT 'it is well' AS a"}
`
	if err := os.WriteFile(filepath.Join(files, "spills.yaml"), []byte(board), 0o600); err != nil {
		t.Fatal(err)
	}
	shown := func(s *server) string {
		t.Helper()
		status, body := get(t, s.url+"api/v1/snapshot?page=/d/spills")
		if status != http.StatusOK || !strings.Contains(body, "it is well") {
			t.Errorf("%d %s", status, body)
		}
		return body
	}
	for who, bounded := range map[string]bool{role: true, "postgres": false} {
		s := serve(t, asRole(t, db.URL, who), "--dashboards", files)
		if body := shown(s); strings.Contains(body, "299999") == bounded || strings.Contains(body, "temp_file_limit (1024kB)") != bounded {
			t.Errorf("as %s: %s", who, body)
		}
	}
}
