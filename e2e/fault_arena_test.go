package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
	"github.com/rowcast/rowcast/internal/postgres"
	"github.com/rowcast/rowcast/internal/proxy"
)

// troubleSchema is beside the oracle's tables: till is written by the
// application whose writes are timed, ledger by one that has nothing to do with
// the program; stage is what schemas are changed of, heap what is written in
// great numbers; gallery and parts are read through a view, a function and a
// partitioned root; of posters the view and the partitions come and go.
const troubleSchema = `
CREATE TABLE till (id int PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE ledger (id int PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE stage (id int PRIMARY KEY, word text, n int);
CREATE TABLE heap (id bigserial, batch int);
INSERT INTO till VALUES (1, 0);
INSERT INTO ledger VALUES (1, 0);
INSERT INTO stage SELECT i, 'word ' || i, i FROM generate_series(1, 20) i;
CREATE TABLE gallery (id int PRIMARY KEY, word text);
INSERT INTO gallery SELECT i, 'picture ' || i || CASE i WHEN 1 THEN ' v0' ELSE '' END FROM generate_series(1, 20) i;
CREATE VIEW glance AS SELECT id, word FROM gallery;
CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql STABLE AS 'SELECT upper($1)';
CREATE TABLE parts (k int, n int) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
INSERT INTO parts SELECT 1 + i % 2, i FROM generate_series(1, 20) i UNION ALL VALUES (1, 1000), (2, 1000);
CREATE TABLE posters (k int, word text) PARTITION BY LIST (k);
CREATE TABLE posters_1 PARTITION OF posters FOR VALUES IN (1);
CREATE TABLE posters_2 PARTITION OF posters FOR VALUES IN (2);
INSERT INTO posters SELECT 1 + i % 2, 'poster ' || i FROM generate_series(1, 20) i;
CREATE VIEW hung AS SELECT k, word FROM posters;`

// servant is the role that the program uses: it owns the tables, so that it may
// put bells on them, and is no superuser.
const servant = "rowcast_reader"

// arena is a database and the program, with a proxy in front of each, and the
// writers and viewers that do not stop while troubles come and go.
type arena struct {
	testing.TB
	database *postgres.Server
	toData   *proxy.Proxy // between program and database
	toViewer *proxy.Proxy // between viewers and program
	server   *process
	flags    []string // it was started with
	folder   string   // of its dashboards
	judge    *judge
	random   *rand.Rand
	lateness *lateness
	guests   *guests

	sights   []*sight
	patrons  [2]*patron   // of till and of ledger
	scribe   *scribe      // of gallery and parts
	gate     sync.RWMutex // closed while the last write is looked for
	outage   atomic.Bool
	deserted atomic.Bool  // the application has left the database
	outages  atomic.Int64 // that are over: connections from before may be dead
	spoiled  atomic.Pointer[[]string]
	beaten   bool               // something is wrong for good
	last     string             // what was waited for last until all was right
	began    time.Time          // when the fault did
	first    map[string]float64 // what the program used before the first fault
	silent   []string           // pages that it changes without a bell
	mutes    bool               // nothing rings in it
	unheard  bool               // the viewers' own lines are at fault
	stop     context.CancelFunc
	actors   sync.WaitGroup
}

// sight is a page that somebody looks at, with what it has to show and what it
// showed.
type sight struct {
	*viewer
	record
	asked   []question
	written *written // nil: not by one writer alone
	still   bool     // only faults write what it shows
	// chronicle is what it had to show; nil: what it shows tells when that was.
	chronicle *chronicle
	restless  bool // it may show nothing, and again nothing, with something in between
}

// wants are the pages. Those with a panel "cut" are judged frame by frame, and
// tables' pages that were read with one of them; the till and the gallery by what
// their writers know, and all by what there is while nobody writes.
func wants() map[string][]question {
	pages := map[string][]question{
		"/d/oracle": stormy(),
		"/d/gallery": {{id: "glance", query: `SELECT * FROM glance ORDER BY id`}, {id: "loud", query: `SELECT id, shout(word) FROM gallery ORDER BY id`},
			{id: "parts", query: `SELECT k, count(*) AS n, max(n) AS last FROM parts GROUP BY k ORDER BY k`}},
		"/d/till":  {{id: "till", query: `SELECT n FROM till ORDER BY n`}},
		"/d/stage": {{id: "stage", query: `SELECT * FROM stage ORDER BY id`}, {id: "words", query: `SELECT id, word FROM stage ORDER BY id`}},
		"/d/posters": {{id: "hung", query: `SELECT word, k FROM hung ORDER BY word`}, {id: "all", query: `SELECT count(*) AS n FROM posters`},
			{id: "each", query: `SELECT k, count(*) AS n FROM posters GROUP BY k ORDER BY k`}},
		"/d/heap": {{id: "heap", query: `SELECT batch, count(*) AS n FROM heap GROUP BY batch ORDER BY batch`}},
		"/t/public.acct?sort=v&where=grp.lt.4&where=v.gt.900&rows=50": {
			{id: "rows", query: `SELECT id, grp, v FROM acct WHERE grp < 4 AND v > 900 ORDER BY v, id LIMIT 50`}},
		"/t/public.acct?sort=id&rows=50&page=2": {
			{id: "rows", query: `SELECT id, grp, v FROM acct ORDER BY id LIMIT 50 OFFSET 50`}},
	}
	for _, grp := range []string{"0", "1", "2"} {
		address := "/d/by?grp=" + grp
		if grp == "0" {
			address = "/d/by" // the default is left out
		}
		pages[address] = groupOf(grp)
	}
	return pages
}

// groupOf are the panels of a page with a variable and options from a query.
func groupOf(grp string) []question {
	return []question{cut,
		{id: "members", query: `SELECT id, v FROM acct WHERE grp = ` + grp + ` ORDER BY id`},
		{id: "@grp", set: true, query: `SELECT DISTINCT grp FROM acct ORDER BY 1`},
	}
}

const byYAML = `title: By group
variables:
  - name: grp
    default: 0
    query: SELECT DISTINCT grp FROM acct ORDER BY 1
panels:
  - id: cut
    type: table
    query: %s
  - id: members
    type: table
    query: SELECT id, v FROM acct WHERE grp::text = @grp ORDER BY id
`

func newArena(t *testing.T, r *rand.Rand) *arena {
	t.Helper()
	a := &arena{TB: t, judge: newJudge(), random: r, lateness: newLateness(), guests: &guests{}}
	a.spoiled.Store(new([]string))
	a.database = pgtest.Server(t, map[string]string{"synchronous_commit": "on", "max_connections": "60"}, pgtest.TCP())
	a.prepare()
	pages := wants()
	a.judge.asked = func(page string) []question { return pages[page] }
	for address := range pages {
		if strings.HasPrefix(address, "/t/public.acct?") {
			a.judge.beside = append(a.judge.beside, address)
		}
	}
	a.folder = dashboards(t, map[string]string{
		"oracle.yaml":  yaml("Oracle", stormy()...),
		"till.yaml":    yaml("Till", pages["/d/till"]...),
		"stage.yaml":   yaml("Stage", pages["/d/stage"]...),
		"heap.yaml":    yaml("Heap", pages["/d/heap"]...),
		"posters.yaml": yaml("Posters", pages["/d/posters"]...),
		"gallery.yaml": yaml("Gallery", pages["/d/gallery"]...),
		"by.yaml":      fmt.Sprintf(byYAML, cut.query),
	})
	target, err := url.Parse(a.database.URL())
	if err != nil {
		t.Fatal(err)
	}
	a.toData = a.proxy(target.Host)
	target.Host = a.toData.Addr()
	target.User = url.UserPassword(servant, "secret")
	a.flags = []string{"serve", "--database-url", target.String(), "--listen", "127.0.0.1:0",
		"--dashboards", a.folder, "--watch", "auto", "--safety", "10m"}
	a.server = begin(t, binary(t), nil, a.flags...)
	a.Cleanup(func() { a.server.finish(t) }) // may be another one by then
	a.server.serves(t)
	seen, err := url.Parse(a.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	a.toViewer = a.proxy(seen.Host)
	seen.Host = a.toViewer.Addr()
	a.begin(seen.String(), pages)
	return a
}

func (a *arena) proxy(target string) *proxy.Proxy {
	p, err := proxy.TCP(target)
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { _ = p.Close() })
	return p
}

// prepare makes the tables, and the role that owns them.
func (a *arena) prepare() {
	a.exec(`CREATE ROLE `+servant+` LOGIN PASSWORD 'secret'`,
		`GRANT CREATE ON DATABASE postgres TO `+servant,
		`GRANT CREATE ON SCHEMA public TO `+servant,
		`SET ROLE `+servant, oracleSchema, troubleSchema)
}

// begin lets viewers and writers loose.
func (a *arena) begin(url string, pages map[string][]question) {
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.Cleanup(a.close)
	a.actors.Go(func() { a.lateness.run(ctx) })
	a.actors.Go(func() { a.guests.run(ctx, a) })
	a.scribe = &scribe{diary: newDiary(), random: rand.New(rand.NewPCG(a.random.Uint64(), 8))}
	for n, table := range []string{"till", "ledger"} {
		a.patrons[n] = &patron{diary: newDiary(), table: table}
	}
	for address, asked := range pages {
		s := &sight{viewer: newViewer(url, address), asked: asked}
		switch address {
		case "/d/till":
			s.written = tillOf(a.patrons[0].diary)
		case "/d/gallery":
			s.written = galleryOf(a.scribe.diary)
		case "/d/stage", "/d/heap", "/d/posters":
			s.still = true
		}
		if address != "/d/till" && !a.judge.names(address) {
			s.chronicle, s.restless = &chronicle{}, strings.HasPrefix(address, "/t/")
		}
		s.said = a.witness(s)
		a.sights = append(a.sights, s)
		a.actors.Go(func() { a.look(ctx, s) })
	}
	a.actors.Go(func() { a.chronicle(ctx) })
	for n := range 2 {
		w := &writer{number: n + 1, judge: a.judge, random: rand.New(rand.NewPCG(a.random.Uint64(), 2))}
		a.actors.Go(func() { a.write(ctx, w) })
	}
	for _, p := range a.patrons {
		a.actors.Go(func() { p.run(ctx, a) })
	}
	a.actors.Go(func() { a.scribe.run(ctx, a) })
}

// close ends viewers and writers; more than once does no harm.
func (a *arena) close() {
	a.stop()
	a.actors.Wait()
}

// connect opens a connection that does not go through the proxy.
func (a *arena) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return pgx.Connect(ctx, a.database.URL())
}

// keep is the connection, or a new one where it broke; nil where there is none, or
// nobody is to have one.
func (a *arena) keep(ctx context.Context, conn *pgx.Conn) *pgx.Conn {
	switch {
	case a.deserted.Load():
		if conn != nil {
			_ = conn.Close(ctx)
		}
		return nil
	case conn == nil || conn.IsClosed():
		conn, _ = a.connect(ctx)
	}
	return conn
}

// exec runs statements on a connection of its own.
func (a *arena) exec(statements ...string) {
	a.Helper()
	conn, err := a.connect(context.Background())
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, sql := range statements {
		if _, err := conn.PgConn().Exec(context.Background(), sql).ReadAll(); err != nil {
			a.Fatalf("%.80s: %v", sql, err)
		}
	}
}

// witness keeps what the judge needs, and what no viewer may ever see.
func (a *arena) witness(s *sight) func(*delta.Message, *delta.State) {
	return func(m *delta.Message, screen *delta.State) {
		s.heard(m, screen)
		a.judge.witness(m, screen)
		if screen == nil {
			return
		}
		if diff := torn(screen.Panels); diff != "" {
			a.judge.accuse("%s: %s", s.page, diff)
		}
		for id, p := range screen.Panels {
			switch {
			case p.Err != nil && !a.mayErr(s.page):
				a.judge.accuse("%s: panel %s says %s: %s", s.page, id, p.Err.Code, p.Err.Message)
			case p.Err != nil && p.Err.Code == "forbidden":
				if len(p.Rows) > 0 {
					a.judge.accuse("%s: panel %s still has %d rows that it may not show", s.page, id, len(p.Rows))
				}
			case id == "stage" && len(p.Rows) < 20:
				a.judge.accuse("%s: panel %s has only %d rows, and never had", s.page, id, len(p.Rows))
			case id == "heap":
				for _, row := range p.Rows {
					whole := heapBatch
					if row.Cells[0].Text == strconv.Itoa(million) {
						whole = million
					}
					if n, _ := strconv.Atoi(row.Cells[1].Text); row.Cells[0].Text != "0" && n != whole {
						a.judge.accuse("%s: %d rows of a transaction of %d", s.page, n, whole)
					}
				}
			}
		}
	}
}

// torn says how panels of one frame are not of one snapshot: the stage and its words
// have the same, and so have the posters, counted in three ways; "" where they are.
func torn(panels map[string]*delta.Panel) string {
	if stage, words := panels["stage"], panels["words"]; inSnapshot(stage) && inSnapshot(words) {
		if of, beside := columnsOf(stage, "id", "word"), columnsOf(words, "id", "word"); !slices.Equal(of, beside) {
			return fmt.Sprintf("beside the stage %.200q there are the words %.200q", of, beside)
		}
	}
	if hung, all, each := panels["hung"], panels["all"], panels["each"]; inSnapshot(hung) && inSnapshot(all) && inSnapshot(each) {
		sum := 0
		for _, n := range columnsOf(each, "n") {
			more, _ := strconv.Atoi(n)
			sum += more
		}
		if n := columnsOf(all, "n"); len(n) != 1 || n[0] != strconv.Itoa(sum) || sum != len(hung.Rows) {
			return fmt.Sprintf("of %s posters %d hang, and their parts have %d", n, len(hung.Rows), sum)
		}
	}
	return ""
}

// columnsOf is what the rows have in these columns, one text for each row.
func columnsOf(p *delta.Panel, names ...string) (rows []string) {
	for _, row := range p.Rows {
		var cells []string
		for i, c := range p.Columns {
			if slices.Contains(names, c.Name) {
				cells = append(cells, row.Cells[i].Text)
			}
		}
		rows = append(rows, strings.Join(cells, " "))
	}
	return rows
}

// mayErr tells whether the page's panels may have errors now.
func (a *arena) mayErr(page string) bool {
	spoiled := *a.spoiled.Load()
	return a.outage.Load() || slices.Contains(spoiled, page) || slices.Contains(spoiled, "*")
}

// look follows a page, and comes back with its cursor when the line breaks.
func (a *arena) look(ctx context.Context, s *sight) {
	for ctx.Err() == nil {
		cursor := ""
		if screen, _, _ := s.now(); screen != nil {
			cursor = screen.Cursor
		}
		err := s.visit(ctx, cursor, nil)
		s.lost()
		var broken violation
		if errors.As(err, &broken) && ctx.Err() == nil {
			a.judge.accuse("%s: %v", s.page, err)
			return
		}
		sleep(ctx, 100*time.Millisecond)
	}
}

// write lets a writer of the oracle's tables work, over and over.
func (a *arena) write(ctx context.Context, w *writer) {
	a.working(ctx, func(conn *pgx.Conn, excused func() bool) time.Duration {
		w.conn = conn
		if err := w.once(w.pick()); err != nil {
			_ = conn.Close(ctx) // whether it was committed is not known
			if !excused() {
				a.judge.accuse("a write of the accounts failed: %v", err)
			}
		}
		return time.Duration(w.random.Int64N(int64(200 * time.Millisecond)))
	})
}

// working has somebody write over and over, while the gate is open, on a connection
// that is made anew where it broke. What fails is excused by an outage since then.
func (a *arena) working(ctx context.Context, once func(conn *pgx.Conn, excused func() bool) (pause time.Duration)) {
	var conn *pgx.Conn
	since := int64(0)
	excused := func() bool { return a.outage.Load() || since != a.outages.Load() }
	for ctx.Err() == nil {
		pause := 20 * time.Millisecond
		a.gate.RLock()
		if conn == nil || conn.IsClosed() {
			since = a.outages.Load()
		}
		conn = a.keep(ctx, conn)
		if conn != nil {
			pause = once(conn, excused)
		}
		a.gate.RUnlock()
		sleep(ctx, pause)
	}
	if conn != nil {
		_ = conn.Close(context.Background())
	}
}
