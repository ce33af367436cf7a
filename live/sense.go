package live

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// sense is what decides what a query means and how its values read: settings as an
// object, and the time zone, which is each page's own. All locks are the session's own
// only while it has no parallel workers, and a query ends in time by its timeout.
const sense = `pg_catalog.jsonb_build_object(
	'session_authorization', pg_catalog.current_setting('session_authorization'),
	'role', pg_catalog.current_setting('role'), 'search_path', pg_catalog.current_setting('search_path'),
	'row_security', pg_catalog.current_setting('row_security'), 'client_encoding', pg_catalog.current_setting('client_encoding'),
	'DateStyle', pg_catalog.current_setting('DateStyle'), 'IntervalStyle', pg_catalog.current_setting('IntervalStyle'),
	'bytea_output', pg_catalog.current_setting('bytea_output'), 'extra_float_digits', pg_catalog.current_setting('extra_float_digits'),
	'lc_time', pg_catalog.current_setting('lc_time'), 'lc_monetary', pg_catalog.current_setting('lc_monetary'),
	'lc_numeric', pg_catalog.current_setting('lc_numeric'),
	'default_text_search_config', pg_catalog.current_setting('default_text_search_config'),
	'max_parallel_workers_per_gather', pg_catalog.current_setting('max_parallel_workers_per_gather'),
	'statement_timeout', pg_catalog.current_setting('statement_timeout')
)::pg_catalog.text, pg_catalog.current_setting('TimeZone')`

// restore sets those that are others now for the rest of the transaction. The role comes
// last, for whose session it is sets it too. What stands in the server's configuration
// may be what nobody can set, such as a text search configuration that is not there.
const restore = `SELECT pg_catalog.set_config(name, value, true) FROM pg_catalog.jsonb_each_text($1::pg_catalog.jsonb) s(name, value)
WHERE pg_catalog.current_setting(name) OPERATOR(pg_catalog.<>) value ORDER BY name OPERATOR(pg_catalog.=) 'role'`

// birth is when a session began, and by which settings.
type birth struct {
	at    time.Time
	sense string
}

// meaning is what sessions have in common: how long a query may take is each one's own.
func meaning(sense, zone string) string {
	all := map[string]string{}
	if json.Unmarshal([]byte(sense), &all) != nil {
		return sense
	}
	delete(all, "statement_timeout")
	all["TimeZone"] = zone
	return fmt.Sprint(all) // in the keys' order
}

// atOdds is how often sessions begin anew because one that did has other settings: a
// pooler's may all be different.
const atOdds = time.Minute

// agree has all sessions mean the same by a query: what ALTER ROLE or ALTER DATABASE sets
// counts for sessions that begin later.
func (e *Engine) agree(w *worker, began birth) {
	known := e.source.began
	if !began.at.After(known.at) {
		return
	}
	e.source.began = began
	if known.sense == "" || known.sense == began.sense || began.at.Sub(e.source.parted) < atOdds {
		return
	}
	e.source.parted = began.at
	e.log.Info("sessions begin with other settings now, so the others begin anew", "session", w.session.role)
	for _, other := range e.workers() {
		other.stale = other.stale || other != w
	}
	for _, p := range e.pages {
		p.dirty = true
	}
}

// waryFor is how long a session sets them anew before each query after one changed
// some for those after it: as long as it takes somebody to mend a dashboard.
const waryFor = 10 * time.Minute

func (s *session) wary() bool { return time.Since(s.swayed) < waryFor }

// heed is called where settings were not as they should be in a reading, which is made
// once more. Either the server's configuration was loaded anew, or a query set them, or
// a function that it called.
func (s *session) heed(ctx context.Context, a *attempt) error {
	loaded, err := s.reload(ctx)
	if err != nil {
		return err
	}
	if loaded && !a.loaded {
		a.loaded = true
	} else {
		s.swayed = time.Now()
	}
	maps.DeleteFunc(a.failed, func(_ string, got *answer) bool { // which may be why
		return got.err != nil && (got.err.Code == "query_failed" || got.err.Code == "table_gone" || got.err.Code == "forbidden")
	})
	return nil
}

// reload asks what settings are between pages, and tells whether they are others now:
// then the server's configuration was loaded anew.
func (s *session) reload(ctx context.Context) (loaded bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	res := s.conn.PgConn().ExecParams(ctx, reader, nil, nil, nil, nil).Read()
	if res.Err != nil {
		s.close()
		return false, fmt.Errorf("ask for settings: %w", res.Err)
	}
	before := s.sense
	s.base, s.sense = string(res.Rows[0][0]), string(res.Rows[0][1])
	return s.sense != before, nil
}

// here is the time zone after all that was sent.
func (t *transaction) here() string { return cmp.Or(t.local, t.zone, t.born) }

// expect takes the answer of a statement that sets a setting and tells what it was.
func (t *transaction) expect(was string, same func(a, b string) bool) func(*pgconn.ResultReader, *snapshot) error {
	return func(rr *pgconn.ResultReader, snap *snapshot) error {
		if rr.NextRow() && !same(string(rr.Values()[0]), was) && !t.wary() {
			snap.swayed = true
		}
		return discard(rr, snap)
	}
}

// beware has a query mean what it says, whatever those before it did.
func (t *transaction) beware(i int) {
	if !t.wary() {
		return
	}
	st := step{query: i, lock: none, take: discard}
	t.run(restore, [][]byte{[]byte(t.session.sense)}, st)
	if t.patience > 0 {
		t.run(atMost, [][]byte{[]byte(milliseconds(t.patience))}, st)
	}
	t.local = "" // it is set anew
	t.flush()
}
