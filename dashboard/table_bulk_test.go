package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/internal/extended"
)

const many = `
CREATE TABLE many (id int PRIMARY KEY, grp text, note text);
INSERT INTO many SELECT i, 'g' || i % 10, CASE WHEN i % 7 > 0 THEN 'note ' || i END FROM generate_series(1, 150000) i;
CREATE VIEW slow AS SELECT id, pg_sleep(0.002)::text AS s FROM many LIMIT 1000;
CREATE TABLE few (id int PRIMARY KEY); INSERT INTO few SELECT generate_series(1, 30);
ANALYZE`

func TestCounts(t *testing.T) {
	t.Parallel()
	db := database(t, many)
	b := open(t, db, nil)
	for address, want := range map[string]struct {
		rows  int64
		exact bool
	}{
		"/t/public.few":                              {30, true},
		"/t/public.few?rows=50&page=4":               {30, true},
		"/t/public.many":                             {150_000, false},
		"/t/public.many?where=id.gt.10":              {150_000, false},
		"/t/public.many?where=id.le.500":             {500, true},
		"/t/public.many?search=note%201234&sort=grp": {95, true},
		"/t/public.many?where=note.is.'":             {0, true},
		"/t/public.slow":                             {1000, false},
	} {
		c, err := b.Count(t.Context(), page(t, b, address))
		if err != nil || c.Exact != want.exact || c.Rows < want.rows*9/10 || c.Rows > want.rows*11/10 || c.Exact && c.Rows != want.rows {
			t.Errorf("%s: %+v %v, want %+v", address, c, err, want)
		}
	}
}

// TestNoEstimateForAViewer holds that who sees some of the rows is told how many
// those are, or nothing: the planner's numbers are those of everybody's.
func TestNoEstimateForAViewer(t *testing.T) {
	t.Parallel()
	db := database(t, many)
	role := "viewer_" + strings.ToLower(t.Name()[4:])
	exec(t, db, "CREATE ROLE "+role+"; GRANT SELECT ON many, few TO "+role+"; ALTER TABLE many ENABLE ROW LEVEL SECURITY; ALTER TABLE few ENABLE ROW LEVEL SECURITY; "+
		"CREATE POLICY mine ON many USING (id > 20000); CREATE POLICY mine ON few USING (id <= 7)")
	t.Cleanup(func() { exec(t, db, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	b := open(t, db, nil)
	as, err := dashboard.NewRunAs(role, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"/t/public.few", "/t/public.many"} {
		p := page(t, b, address)
		p.RunAs(as)
		if err := p.For("ann", nil); err != nil {
			t.Fatal(err)
		}
		c, err := b.Count(t.Context(), p)
		var refused *dashboard.AddressError
		ok := err == nil && c.Exact && c.Rows == 7
		if address == "/t/public.many" { // its count is dear
			ok = errors.As(err, &refused) && refused.Code == "forbidden" && c == dashboard.Count{}
		}
		if !ok {
			t.Errorf("%s: %+v %v", address, c, err)
		}
	}
}

// TestCountOfWhatIsGone holds that a table that was dropped a moment ago, or is
// locked, is estimated from what was known of it.
func TestCountOfWhatIsGone(t *testing.T) {
	t.Parallel()
	db := database(t, many)
	b := open(t, db, nil)
	p, filtered := page(t, b, "/t/public.few"), page(t, b, "/t/public.few?where=id.gt.3")
	exec(t, db, "DROP TABLE few")
	if c, err := b.Count(t.Context(), p); err != nil || c.Rows != 30 || c.Exact {
		t.Errorf("%+v %v", c, err)
	}
	var refused *dashboard.AddressError
	if c, err := b.Count(t.Context(), filtered); !errors.As(err, &refused) || refused.Code != "unavailable" {
		t.Errorf("%+v %v", c, err)
	}
}

// TestCountsAreShared holds that what many ask is counted once, and that few
// counts run at a time.
func TestCountsAreShared(t *testing.T) {
	t.Parallel()
	db := &spy{DB: database(t, many)}
	b := open(t, db, nil)
	var pages []*dashboard.Page
	for i := range 20 {
		pages = append(pages, page(t, b, fmt.Sprintf("/t/public.many?where=id.gt.%d", i)), page(t, b, fmt.Sprintf("/t/public.many?where=id.gt.%d&sort=grp", i)))
	}
	db.reset()
	var all sync.WaitGroup
	for range 5 {
		for _, p := range pages {
			all.Go(func() {
				if c, err := b.Count(t.Context(), p); err != nil || c.Rows < 100_000 {
					t.Errorf("%+v %v", c, err)
				}
			})
		}
	}
	all.Wait()
	if began, most := db.seen(); began != 20 || most > 2 {
		t.Errorf("%d counts were made, %d at once; want 20 and 2 at most", began, most)
	}
}

// spy counts transactions.
type spy struct {
	dashboard.DB
	mu                sync.Mutex
	began, open, most int
}

func (s *spy) Begin(ctx context.Context, kind extended.Kind) (extended.Tx, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.open = s.began+1, s.open+1
	s.most = max(s.most, s.open)
	tx, err := s.DB.Begin(ctx, kind)
	return spied{tx, s}, err
}

func (s *spy) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began, s.most = 0, 0
}

func (s *spy) seen() (began, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.began, s.most
}

type spied struct {
	extended.Tx
	spy *spy
}

func (s spied) Rollback(ctx context.Context) error {
	s.spy.mu.Lock()
	s.spy.open--
	s.spy.mu.Unlock()
	return s.Tx.Rollback(ctx)
}

// export gathers an export's rows, cells joined by "|", NULL as "∅".
func export(ctx context.Context, b *dashboard.Book, p *dashboard.Page, most int) (head string, rows []string, err error) {
	err = b.Export(ctx, p, func(columns []dashboard.ExportColumn) error {
		for _, c := range columns {
			head += c.Name + ":" + c.Type + " "
		}
		return nil
	}, func(cells [][]byte) error {
		if len(rows) == most {
			return errEnough
		}
		var line []string
		for _, c := range cells {
			if c == nil {
				c = []byte("∅")
			}
			line = append(line, string(c))
		}
		rows = append(rows, strings.Join(line, "|"))
		return nil
	})
	return head, rows, err
}

var errEnough = errors.New("enough")

func TestExport(t *testing.T) {
	t.Parallel()
	db := database(t, things+";"+many)
	b := open(t, db, nil)
	head, rows, err := export(t.Context(), b, page(t, b, "/t/public.many?where=id.le.1000&where=note.null&sort=-grp,id&columns=note,id&rows=50&page=2"), -1)
	if err != nil || head != "note:text id:int4 " || len(rows) != 142 || rows[0] != "∅|49" || rows[141] != "∅|980" {
		t.Errorf("%s %d rows, %v: %v", head, len(rows), rows, err)
	}
	head, rows, err = export(t.Context(), b, page(t, b, "/t/public.things?sort=id&columns=id,f,cash,s,b,m,ts,iv,jb,ta,by&where=id.le.2"), -1)
	if want := `1|0.1|$12.50|short|t|so, so|2026-11-20 10:00:00|02:00:00|{"a": 1, "b": [1]}|{a,"b,c"}|\xff`; err != nil || len(rows) != 2 || rows[0] != want ||
		head != "id:int4 f:float8 cash:money s:varchar b:bool m:Mood,x ts:timestamp iv:interval jb:jsonb ta:_text by:bytea " {
		t.Errorf("%s %v: %v", head, rows, err)
	}
	if _, rows, err = export(t.Context(), b, page(t, b, "/t/public.many"), -1); err != nil || len(rows) != 150_000 {
		t.Errorf("%d rows: %v", len(rows), err)
	}
	// Who has enough ends it, and gets its own error.
	if _, rows, err = export(t.Context(), b, page(t, b, "/t/public.slow"), 3); !errors.Is(err, errEnough) || len(rows) != 3 {
		t.Errorf("%d rows: %v", len(rows), err)
	}
}

// Whoever takes a file slowly gets all of it, although the database has sent it long
// since, and ends the transaction that stands idle.
func TestSlowReaderOfAnExportGetsItWhole(t *testing.T) {
	t.Parallel()
	db := database(t, many)
	exec(t, db, "ALTER DATABASE "+db.Config().ConnConfig.Database+" SET idle_in_transaction_session_timeout = '50ms'")
	b := open(t, connect(t, db.Config().ConnString()), nil)
	p, rows := page(t, b, "/t/public.few"), 0
	err := b.Export(t.Context(), p, func([]dashboard.ExportColumn) error {
		awaitNobody(t, db) // who was idle is gone
		return nil
	}, func([][]byte) error { rows++; return nil })
	if err != nil || rows != 30 {
		t.Errorf("%d rows of 30: %v", rows, err)
	}
}

// awaitNobody waits until no session of the database is in a transaction but this one.
func awaitNobody(t *testing.T, db extended.Pool) {
	t.Helper()
	for others := 1; others > 0; {
		err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_catalog.pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL`).Scan(&others)
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestExportsAreFew(t *testing.T) {
	t.Parallel()
	b := open(t, database(t, many), nil)
	p := page(t, b, "/t/public.few")
	hold, running := make(chan struct{}), make(chan struct{}, 2)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			err := b.Export(t.Context(), p, func([]dashboard.ExportColumn) error {
				running <- struct{}{}
				<-hold
				return nil
			}, func([][]byte) error { return nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	<-running
	<-running
	var refused *dashboard.AddressError
	if _, _, err := export(t.Context(), b, p, -1); !errors.As(err, &refused) || refused.Code != "too_many" {
		t.Errorf("a third export: %v", err)
	}
	close(hold)
	all.Wait()
	if _, rows, err := export(t.Context(), b, p, -1); err != nil || len(rows) != 30 {
		t.Errorf("a later export: %d rows, %v", len(rows), err)
	}
}

func TestExportThatFails(t *testing.T) {
	t.Parallel()
	db := database(t, `CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(0, 9999);
		CREATE VIEW late AS SELECT id, 1 / (9000 - id) AS x FROM t; CREATE VIEW soon AS SELECT 1 / id AS x FROM t`)
	b := open(t, db, nil)
	var refused *dashboard.AddressError
	head, rows, err := export(t.Context(), b, page(t, b, "/t/public.late"), -1)
	if !errors.As(err, &refused) || refused.Message != "the rows cannot be read: SQLSTATE 22012" || head == "" || len(rows) == 0 {
		t.Errorf("%q, %d rows, %v", head, len(rows), err)
	}
	if head, _, err = export(t.Context(), b, page(t, b, "/t/public.soon"), -1); !errors.As(err, &refused) || head != "" {
		t.Errorf("%q, %v", head, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err = export(ctx, b, page(t, b, "/t/public.late"), -1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRowByItsKey(t *testing.T) {
	t.Parallel()
	db := database(t, things+`; CREATE TABLE couple (b text, "a.x" int, note text, PRIMARY KEY ("a.x", b)); INSERT INTO couple VALUES ('x,"y', 7, NULL); CREATE TABLE loose (x int)`)
	b := open(t, db, nil)
	row, err := b.Row(t.Context(), page(t, b, "/t/public.things?columns=t&where=t.is.nothing"), `["1"]`)
	if err != nil || row.Address != "/t/public.things?where=id.is.1" || len(row.Cells) != 35 || *row.Cells[0] != "1" || *row.Cells[17] != "2026-11-20 10:00:00" {
		t.Fatalf("%+v %v", row, err)
	}
	row, err = b.Row(t.Context(), page(t, b, "/t/public.couple"), `["7","x,\"y"]`)
	if err != nil || row.Cells[2] != nil || *row.Cells[0] != `x,"y` {
		t.Fatalf("%+v %v", row, err)
	}
	if got := idsIn(t, b, row.Address); got != row.Address {
		t.Errorf("%s leads to %s", row.Address, got)
	}
	for key, code := range map[string]string{`["3"]`: "not_found", `["x"]`: "bad_request", `[]`: "bad_request", `#abc`: "bad_request", `["1","2"]`: "bad_request", `["\u0000"]`: "bad_request"} {
		var refused *dashboard.AddressError
		if _, err := b.Row(t.Context(), page(t, b, "/t/public.things"), key); !errors.As(err, &refused) || refused.Code != code {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := b.Row(t.Context(), page(t, b, "/t/public.loose"), `["1"]`); err == nil {
		t.Error("a table without a key finds a row")
	}
}

func idsIn(t *testing.T, b *dashboard.Book, address string) string {
	t.Helper()
	p := page(t, b, address)
	if len(p.Table.Where) != len(p.Table.Key) {
		t.Errorf("%s has the filters %+v", address, p.Table.Where)
	}
	return p.Address
}

// TestCountsAndExportsOfATableThatIsEmptied holds that a table that is emptied
// and filled in one transaction is never read as empty, which it never was.
func TestCountsAndExportsOfATableThatIsEmptied(t *testing.T) {
	t.Parallel()
	db := database(t, many)
	b := open(t, db, nil)
	for i := range 5 {
		tx, err := db.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "TRUNCATE few; INSERT INTO few SELECT generate_series(1, 30)", pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatal(err)
		}
		p := page(t, b, fmt.Sprintf("/t/public.few?where=id.gt.%d", -i))
		rows := make(chan int64, 2)
		go func() {
			c, err := b.Count(t.Context(), p)
			if err != nil {
				t.Error(err)
			}
			rows <- c.Rows
		}()
		go func() {
			n := int64(0)
			err := b.Export(t.Context(), p, func([]dashboard.ExportColumn) error { return nil }, func([][]byte) error { n++; return nil })
			if err != nil {
				t.Error(err)
			}
			rows <- n
		}()
		awaitLocks(t, db, 2)
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if n := <-rows; n != 30 {
				t.Errorf("%d rows of 30", n)
			}
		}
	}
}

// awaitLocks waits until so many sessions of the database wait for a lock.
func awaitLocks(t *testing.T, db extended.Pool, sessions int) {
	t.Helper()
	for n := 0; n < sessions; {
		const ask = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
		if err := db.QueryRow(t.Context(), ask).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
}
