package migrations_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/migrations"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const muteKey = 5<<56 | 0x726f7763617374

// lab is a database with the doorbell, and a server's two sessions beside a writer's.
type lab struct {
	url                string
	writer, hear, ring *pgx.Conn
}

func newLab(t *testing.T) *lab {
	t.Helper()
	db := pgtest.New(t, pgtest.WithSetup("doorbell", func(url string) error {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			return err
		}
		_, err = migrations.Up(context.Background(), config)
		return err
	}))
	return labOn(t, db.URL)
}

func labOn(t *testing.T, url string) *lab {
	t.Helper()
	l := &lab{url: url, writer: pgtest.Connect(t, url), hear: pgtest.Connect(t, url), ring: pgtest.Connect(t, url)}
	run(t, l.hear, `LISTEN rowcast`)
	return l
}

func up(t *testing.T, url string) {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrations.Up(t.Context(), config); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func value[T any](t *testing.T, conn *pgx.Conn, query string, args ...any) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// watch puts the bell on tables and returns the first one's number.
func (l *lab) watch(t *testing.T, patterns ...string) int64 {
	t.Helper()
	tables, err := migrations.Watch(t.Context(), l.writer, patterns)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if !table.Whole() {
			t.Fatalf("%s is not whole after Watch: %v", table.Quoted(), table.Missing)
		}
	}
	return tables[0].Bell
}

// arm takes the bell for slot 1.
func (l *lab) arm(t *testing.T, bell int64) {
	t.Helper()
	held := value[[]int64](t, l.ring, `SELECT rowcast.arm(ARRAY[$1::bigint], 5000)`, 1<<56|bell)
	if len(held) != 1 {
		t.Fatalf("bell %d was not armed", bell)
	}
}

// rings are the payloads that came since the last call.
func (l *lab) rings(t *testing.T) (payloads []string) {
	t.Helper()
	run(t, l.ring, `NOTIFY rowcast, 'end'`)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for {
		n, err := l.hear.WaitForNotification(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if n.Payload == "end" {
			return payloads
		}
		payloads = append(payloads, n.Payload)
	}
}

// bells are the numbers of all tables that have the bell, by quoted name.
func (l *lab) bells(t *testing.T) map[string]int64 {
	t.Helper()
	tables, err := migrations.Status(t.Context(), l.writer)
	if err != nil {
		t.Fatal(err)
	}
	bells := make(map[string]int64)
	for _, table := range tables {
		bells[table.Quoted()] = table.Bell
	}
	return bells
}

// as opens a session of a plain role that may log in and has the grants; the role goes with the test.
func (l *lab) as(t *testing.T, role string, grants ...string) *pgx.Conn {
	t.Helper()
	role = role + "_" + strings.ToLower(t.Name()[4:])
	run(t, l.writer, `CREATE ROLE `+role+` LOGIN PASSWORD 'x'`)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), l.url)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(context.Background())
		for _, s := range []string{`DROP OWNED BY ` + role + ` CASCADE`, `DROP ROLE ` + role} {
			if _, err := conn.Exec(context.Background(), s); err != nil {
				t.Error(err)
			}
		}
	})
	for _, g := range grants {
		run(t, l.writer, strings.ReplaceAll(g, "ROLE", role))
	}
	conn := pgtest.Connect(t, l.url)
	run(t, conn, `SET SESSION AUTHORIZATION `+role)
	return conn
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

// clean runs statements when the test's own connections are closed, and lets them fail.
func clean(url string, statements ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		_, _ = conn.Exec(ctx, s)
	}
}
