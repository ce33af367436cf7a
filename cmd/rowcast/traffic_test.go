package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/postgres"
)

// logged starts a server that logs every statement that it is asked to run, and
// who asked.
func logged(t *testing.T) *postgres.Server {
	t.Helper()
	return pgtest.Server(t, map[string]string{"log_statement": "all", "log_line_prefix": "%a|"})
}

// statement is one of rowcast's, as PostgreSQL logged it.
type statement struct {
	role, text string
	simple     bool // it went by the simple protocol
}

// logLine is the first line of a statement in that log; those that follow begin
// with a tab.
var logLine = regexp.MustCompile(`^rowcast/(\w+)\|LOG:  (statement|execute [^:]+): (.*)`)

// statementsIn are those of rowcast's sessions, those of its start included.
func statementsIn(t *testing.T, log string) (list []statement) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	ours := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if more, ok := strings.CutPrefix(line, "\t"); ok && ours {
			list[len(list)-1].text += " " + more
			continue
		}
		m := logLine.FindStringSubmatch(line)
		if ours = m != nil; ours {
			list = append(list, statement{role: m[1], text: m[3], simple: m[2] == "statement"})
		}
	}
	for i, s := range list {
		list[i].text = strings.Join(strings.Fields(s.text), " ")
	}
	return list
}

// agreed waits until rowcast has counted as many statements since its start as
// PostgreSQL has logged, and returns the log: one that was missed, or counted
// twice, would keep them apart for ever.
func agreed(t *testing.T, s *server, server *postgres.Server) []statement {
	t.Helper()
	var before, after float64
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		before = metric(t, s, "rowcast_database_statements_total")
		list := statementsIn(t, server.Log())
		after = metric(t, s, "rowcast_database_statements_total")
		if before == after && int(after) == len(list) {
			return list
		}
		if time.Now().After(deadline) {
			t.Fatalf("rowcast counts %v to %v statements, PostgreSQL %d", before, after, len(list))
		}
	}
}

// What is counted is what PostgreSQL says that it was asked, by the extended protocol,
// whichever part asks and however: the start, what puts bells there, pages, slow panels, the catalog, tables and their counts
// and exports, the doctor.
func TestEveryStatementIsCounted(t *testing.T) {
	server := logged(t)
	conn := pgtest.Connect(t, server.URL())
	const long = 300 * time.Millisecond
	for _, sql := range []string{
		`CREATE TABLE notes (id int PRIMARY KEY, text text)`, `INSERT INTO notes SELECT i, 'note ' || i FROM generate_series(1, 2000) i`,
		fmt.Sprintf(`CREATE VIEW heavy AS SELECT n.id FROM (SELECT max(id) AS id FROM notes) n, pg_sleep(%v)`, long.Seconds()),
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	text := "title: Notes\nvariables:\n  - {name: below, query: SELECT id FROM notes ORDER BY 1 LIMIT 20, default: 10}\n" +
		"panels:\n  - {id: all, type: table, query: 'SELECT id, text FROM notes WHERE id < @below'}\n  - {id: newest, type: stat, query: SELECT max(id) FROM notes}\n"
	slow := "title: Slow\npanels:\n  - {id: long, type: stat, query: SELECT id FROM heavy}\n"
	for name, text := range map[string]string{"notes.yaml": text, "slow.yaml": slow} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, server.URL(), "--dashboards", dir, "--admin-database-url", server.URL())
	table, notes := events(t, s, "/t/public.notes?sort=-id"), events(t, s, "/d/notes")
	slowly, status := events(t, s, "/d/slow"), events(t, s, "/status")
	table(`"state":"live"`)
	notes(`"state":"live"`)
	status("this is the primary")
	slowly(`"2000"`)
	waited := metric(t, s, "rowcast_database_seconds_total")
	for i := range 10 {
		if _, err := conn.Exec(t.Context(), `INSERT INTO notes VALUES ($1, 'busy')`, 5000+i); err != nil {
			t.Fatal(err)
		}
		table(fmt.Sprint(5000 + i))
	}
	slowly(fmt.Sprint(5009))
	for path, want := range map[string]string{"t/public.notes/all.csv": "note 1999", "api/v1/count?page=/t/public.notes": "2010", "d/notes?below=5": "note 4", "": "notes"} {
		if _, body := get(t, s.url+path); !strings.Contains(body, want) {
			t.Errorf("%s does not say %q: %.200s", path, want, body)
		}
	}
	if more := metric(t, s, "rowcast_database_seconds_total") - waited; more < long.Seconds() {
		t.Errorf("a panel that takes %v was read, and the database was waited for for %v s", long, more)
	}
	roles := map[string]int{}
	for _, st := range agreed(t, s, server) {
		roles[st.role]++
		if st.simple {
			t.Errorf("%s asks by the simple protocol: %.100s", st.role, st.text)
		}
	}
	for _, role := range []string{"start", "bells", "listen", "arm", "open", "panels", "slow", "catalog", "bulk", "doctor"} {
		if roles[role] == 0 {
			t.Errorf("nothing was asked by %s: %v", role, roles)
		}
	}
}

// answers is a session's other end: it says one thing after the other, each after
// a while.
type answers []struct {
	after time.Duration
	say   []byte
}

func (a *answers) Read(b []byte) (int, error) {
	if len(*a) == 0 {
		return 0, io.EOF
	}
	next := &(*a)[0]
	time.Sleep(next.after)
	next.after = 0
	n := copy(b, next.say)
	if next.say = next.say[n:]; len(next.say) == 0 {
		*a = (*a)[1:]
	}
	return n, nil
}

// said is a message as the server sends it.
func said(kind byte, body string) []byte {
	return append([]byte{kind, 0, 0, 0, byte(4 + len(body))}, body...)
}

// TestWaiting holds what is counted of a session's messages, in whatever pieces
// they come: the wait for an answer, once, and not that of a session that listens.
func TestWaiting(t *testing.T) {
	for piece := 1; piece < 40; piece++ {
		synctest.Test(t, func(t *testing.T) {
			const ms = time.Millisecond
			replies := &answers{
				{1 * ms, said('R', "\x00\x00\x00\x00")}, {1 * ms, said('Z', "I")}, // to the start
				{10 * ms, said('1', "")}, {20 * ms, said('C', "QQQQEEEE\x00")}, // a pipeline's, before it is whole
				{30 * ms, bytes.Join([][]byte{said('C', "Z\x00"), said('Z', "I")}, nil)},
				{time.Hour, said('A', "\x00\x00\x00\x01rowcast\x00ZZZZ\x00")}, // nobody asked
				{5 * ms, said('I', "")}, {5 * ms, said('Z', "I")},
			}
			config, err := pgx.ParseConfig("")
			if err != nil {
				t.Fatal(err)
			}
			var counted traffic
			var asked bytes.Buffer
			counted.follow(config)
			f := config.BuildFrontend(struct{ io.Reader }{torn{replies, piece}}, &asked)
			send := func(list ...pgproto3.FrontendMessage) {
				for _, m := range list {
					f.Send(m)
				}
				if err := f.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			hear := func(n int) {
				for range n {
					if _, err := f.Receive(); err != nil {
						t.Fatal(err)
					}
				}
			}
			send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "QQQ", "database": "EEE"}})
			hear(2)
			send(&pgproto3.Parse{Query: "QSE"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Flush{})
			hear(2)
			time.Sleep(time.Minute) // what is made of it is not the database's time
			send(&pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{})
			hear(2)
			hear(1)
			send(&pgproto3.Query{String: "SELECT 'E'"})
			hear(2)
			send(&pgproto3.Terminate{})
			if n, wait := counted.statements.Load(), time.Duration(counted.waited.Load()); n != 3 || wait != 72*ms {
				t.Errorf("in pieces of %d: %d statements, waited %v, want 3 and 72ms", piece, n, wait)
			}
		})
	}
}

// torn hands out at most so many bytes at once.
type torn struct {
	io.Reader
	piece int
}

func (r torn) Read(b []byte) (int, error) { return r.Reader.Read(b[:min(len(b), r.piece)]) }
