package live

import (
	"cmp"
	"strings"
)

// sense is what decides what a query means and how its values read: settings as an
// object, and the time zone, which is each page's own.
const sense = `pg_catalog.jsonb_build_object(
	'role', pg_catalog.current_setting('role'), 'search_path', pg_catalog.current_setting('search_path'),
	'row_security', pg_catalog.current_setting('row_security'), 'DateStyle', pg_catalog.current_setting('DateStyle'),
	'IntervalStyle', pg_catalog.current_setting('IntervalStyle'), 'bytea_output', pg_catalog.current_setting('bytea_output'),
	'extra_float_digits', pg_catalog.current_setting('extra_float_digits'))::pg_catalog.text, pg_catalog.current_setting('TimeZone')`

// restore sets such settings for the rest of the transaction.
const restore = `SELECT pg_catalog.set_config(name, value, true) FROM pg_catalog.jsonb_each_text($1::pg_catalog.jsonb) s(name, value)`

// swayed tells whether a query, or a function that it called, changed what those after it
// mean. They are read once more then, by a session that is wary from then on.
func (t *transaction) swayed(sense, zone string) bool {
	return sense != t.sense || !strings.EqualFold(zone, cmp.Or(t.local, t.zone, t.born))
}

// beware has a query mean what it says, whatever those before it did.
func (t *transaction) beware(i int) {
	if !t.wary {
		return
	}
	t.run(restore, [][]byte{[]byte(t.sense)}, step{query: i, lock: none, take: discard})
	t.local = "" // it is set anew
	t.pipe.SendFlushRequest()
}
