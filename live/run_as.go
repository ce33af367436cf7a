package live

import (
	"encoding/json"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/delta"
)

// become has the queries from here on run as somebody. Where one runs as its
// viewer that is said anew before each: what an earlier one did must not count.
func (t *transaction) become(i int, q query) {
	if q.as == "" && t.as.as == "" {
		return
	}
	st := step{query: i, lock: none, take: discard}
	set := func(name, value string) {
		t.run(setLocal, [][]byte{[]byte(name), []byte(value)}, st)
	}
	if t.as.as == "" {
		st.take = t.expect(t.base, func(a, b string) bool { return a == b })
	}
	set("role", t.base)
	st.take = discard
	for _, name := range t.claims.all(q.set) { // those too that this page does not know of
		value := ""
		for _, s := range q.set {
			if s.Name == name {
				value = s.Value
			}
		}
		set(name, value)
	}
	if q.role != "" {
		set("role", q.role)
	}
	t.as = q
	t.flush()
}

// everyRow is what a query is told whose viewer would see what is not theirs.
var everyRow = &delta.Error{Code: "forbidden", Message: "the role that reads is above row-level security, so everybody would see every row"}

// bypasses asks to whom rules for rows mean nothing, of the role that reads and of
// those in $1, an object with their names. It comes after the transaction: it locks
// catalog tables, which no page reads by that, and sees what changed under the snapshot.
const bypasses = `SELECT rolname, rolname = current_user FROM pg_catalog.pg_roles
WHERE (rolsuper OR rolbypassrls) AND (rolname = current_user OR $1::pg_catalog.jsonb OPERATOR(pg_catalog.?) rolname::pg_catalog.text)`

// judge has answers withheld that were read as a viewer by a role which sees every row,
// whatever the rules. That is asked each time: a role may be given the power while its
// page is open.
func (t *transaction) judge() {
	roles := map[string]bool{} // "": the one that reads
	for _, q := range t.requests {
		if q.as != "" {
			roles[q.role] = true
		}
	}
	if len(roles) == 0 {
		return
	}
	names, _ := json.Marshal(roles) // it never fails
	t.run(bypasses, [][]byte{names}, other(func(rr *pgconn.ResultReader, snap *snapshot) error {
		above := map[string]bool{}
		for rr.NextRow() {
			v := rr.Values()
			above[string(v[0])] = true
			if string(v[1]) == "t" {
				above[""] = true
			}
		}
		for _, q := range t.requests {
			if a := snap.answers[q.id]; a != nil && q.as != "" && above[q.role] {
				snap.answers[q.id] = &answer{err: everyRow, took: a.took}
			}
		}
		_, err := rr.Close()
		return err
	}))
}
