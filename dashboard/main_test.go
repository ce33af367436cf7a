package dashboard_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/internal/extended"
	"github.com/rowcast/rowcast/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// source is a set of files by name.
func source(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// open makes a book of files, with a database where db is not nil.
func open(t testing.TB, db dashboard.DB, files map[string]string) *dashboard.Book {
	t.Helper()
	b, err := dashboard.Open(t.Context(), dashboard.Config{Source: source(files), DB: db})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// database makes a database of the test's own and runs the setup in it.
func database(t testing.TB, setup string) extended.Pool {
	t.Helper()
	url := pgtest.New(t).URL
	pool := connect(t, url)
	if setup != "" {
		exec(t, pool, setup)
	}
	return pool
}

func connect(t testing.TB, url string) extended.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return extended.Pool{Pool: pool}
}

// as connects to the same database as another role.
func as(t *testing.T, owner extended.Pool, role string) extended.Pool {
	t.Helper()
	config := owner.Config()
	config.ConnConfig.RuntimeParams["role"] = role
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return extended.Pool{Pool: pool}
}

// exec runs statements by the simple protocol, which takes several.
func exec(t testing.TB, pool extended.Pool, sql string) {
	t.Helper()
	conn, err := pool.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if err := conn.Conn().PgConn().Exec(context.Background(), sql).Close(); err != nil {
		t.Fatal(err)
	}
}
