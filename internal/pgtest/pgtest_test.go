package pgtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	a, b := pgtest.New(t), pgtest.New(t)
	a.Exec(t, `CREATE TABLE only_here (id int)`)
	a.Exec(t, `INSERT INTO only_here VALUES ($1)`, 7)
	if got := count(t, a.Conn(t), "only_here"); got != 1 {
		t.Errorf("a has %d tables of that name, want 1", got)
	}
	if got := count(t, b.Conn(t), "only_here"); got != 0 {
		t.Errorf("b has %d tables of that name, want 0", got)
	}
}

func TestTemplateIsPreparedOnce(t *testing.T) {
	t.Parallel()
	calls := 0
	setup := pgtest.WithSetup("once", func(url string) error {
		calls++
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, `CREATE TABLE prepared (id int)`)
		return errors.Join(err, conn.Close(ctx))
	})
	for range 3 {
		db := pgtest.New(t, setup)
		if got := count(t, db.Conn(t), "prepared"); got != 1 {
			t.Errorf("%s has %d tables, want 1", db.Name, got)
		}
	}
	if calls != 1 {
		t.Errorf("setup ran %d times, want once", calls)
	}
}

func TestScriptRunsManyStatements(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE one (id int); CREATE TABLE two (id int)`)
	if got := count(t, db.Conn(t), "one") + count(t, db.Conn(t), "two"); got != 2 {
		t.Errorf("%d tables, want 2", got)
	}
}

func TestPrivateServerRestartsAtTheSameAddress(t *testing.T) {
	t.Parallel()
	s := pgtest.Server(t, map[string]string{"work_mem": "5MB"}, pgtest.TCP())
	url := s.URL()
	conn := pgtest.Connect(t, url)
	var setting string
	if err := conn.QueryRow(t.Context(), `SHOW work_mem`).Scan(&setting); err != nil || setting != "5MB" {
		t.Errorf("work_mem = %q, %v; want 5MB", setting, err)
	}
	if _, err := conn.Exec(t.Context(), `CREATE TABLE kept AS SELECT 1 AS id`); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context(), postgres.Fast); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a connection survived the restart")
	}
	if s.URL() != url {
		t.Errorf("the address changed to %s from %s", s.URL(), url)
	}
	if got := count(t, pgtest.Connect(t, url), "kept"); got != 1 {
		t.Errorf("%d tables after the restart, want 1", got)
	}
}

func count(t *testing.T, conn *pgx.Conn, table string) int {
	t.Helper()
	var n int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_class WHERE relname = $1`, table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
