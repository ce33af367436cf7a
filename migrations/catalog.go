package migrations

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

const (
	triggerName        = "rowcast_bell"
	replicaTriggerName = "rowcast_bell_replica"

	// pg_trigger.tgtype: AFTER is the absence of BEFORE (2) and INSTEAD (64).
	bellType    int16 = 4 | 8 | 16 | 32 // INSERT, DELETE, UPDATE, TRUNCATE; per statement
	replicaType int16 = 1 | 4 | 8 | 16  // ROW, INSERT, DELETE, UPDATE

	bellLimit int64 = 1 << 56
	reserved  int64 = 0x726f7763617374 // the bell number behind the slots' own keys
)

// trigger is what pg_trigger says about one of our triggers on a table.
type trigger struct {
	enabled  string // pg_trigger.tgenabled; "" where there is none
	kind     int16
	rings    bool // it calls rowcast.ring() unconditionally
	argument string
}

func (t trigger) bell() int64 {
	n, err := strconv.ParseInt(t.argument, 10, 64)
	if err != nil || n <= 0 || n >= bellLimit || n == reserved {
		return 0
	}
	return n
}

// relation is a table with its triggers, seen with the eyes of the current role.
type relation struct {
	OID                 uint32
	Schema, Name, kind  string
	visible, mayTrigger bool
	owned, subscribed   bool
	owner               string
	bell, replica       trigger
	parents, children   []*relation
}

func (r *relation) table() bool    { return r.kind == "r" || r.kind == "p" }
func (r *relation) quoted() string { return pgx.Identifier{r.Schema, r.Name}.Sanitize() }

// missing says what keeps the bell from ringing for every write, given the tree's bell number.
func (r *relation) missing(bell int64, replicated bool) []string {
	missing := r.bell.missing("trigger "+triggerName, bell, bellType, "O", "A")
	if replicated && r.kind == "r" {
		missing = append(missing, r.replica.missing("trigger "+replicaTriggerName, bell, replicaType, "R", "A")...)
	}
	return missing
}

func (t trigger) missing(name string, bell int64, kind int16, enabled ...string) []string {
	if t.enabled == "" {
		return []string{"no " + name}
	}
	var missing []string
	if !t.rings {
		missing = append(missing, name+" does not call rowcast.ring()")
	}
	if t.kind != kind {
		missing = append(missing, name+" does not fire on every kind of write")
	}
	if t.bell() != bell || bell == 0 {
		missing = append(missing, name+" carries another bell number than its tree")
	}
	for _, e := range enabled {
		if t.enabled == e {
			return missing
		}
	}
	return append(missing, name+" is disabled")
}

//go:embed catalog/tables.sql
var tablesSQL string

const inheritsSQL = `
SELECT i.inhrelid, i.inhparent
FROM pg_catalog.pg_inherits AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')`

// catalog is every relation of the database, in the order of their names, and which of them hang together.
type catalog struct {
	ring      uint32 // oid of rowcast.ring(); 0 where it is not
	relations []*relation
	tree      map[*relation][]*relation
}

func readCatalog(ctx context.Context, conn *pgx.Conn) (*catalog, error) {
	c := &catalog{tree: make(map[*relation][]*relation)}
	const ring = `SELECT COALESCE(pg_catalog.to_regprocedure('rowcast.ring()')::oid, 0::oid)`
	if err := conn.QueryRow(ctx, ring).Scan(&c.ring); err != nil {
		return nil, fmt.Errorf("look for rowcast.ring(): %w", err)
	}
	rows, err := conn.Query(ctx, tablesSQL, c.ring)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	c.relations, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*relation, error) {
		r := new(relation)
		b, p := &r.bell, &r.replica
		return r, row.Scan(&r.OID, &r.Schema, &r.Name, &r.kind, &r.visible, &r.mayTrigger, &r.owned, &r.owner,
			&r.subscribed, &b.enabled, &b.kind, &b.rings, &b.argument, &p.enabled, &p.kind, &p.rings, &p.argument)
	})
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	if err := c.link(ctx, conn); err != nil {
		return nil, fmt.Errorf("list inheritance: %w", err)
	}
	return c, nil
}

// link finds parents and children, and then the trees: all relations that any path of them connects.
func (c *catalog) link(ctx context.Context, conn *pgx.Conn) error {
	byOID := make(map[uint32]*relation, len(c.relations))
	for _, r := range c.relations {
		byOID[r.OID] = r
	}
	rows, err := conn.Query(ctx, inheritsSQL)
	if err != nil {
		return err
	}
	var child, parent uint32
	_, err = pgx.ForEachRow(rows, []any{&child, &parent}, func() error {
		if c, p := byOID[child], byOID[parent]; c != nil && p != nil {
			c.parents, p.children = append(c.parents, p), append(p.children, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range c.relations {
		if c.tree[r] != nil || !r.table() {
			continue
		}
		var members []*relation
		seen := map[*relation]bool{r: true}
		for queue := []*relation{r}; len(queue) > 0; queue = queue[1:] {
			at := queue[0]
			if at.table() { // a foreign leaf takes no part: others write to it unseen
				members = append(members, at)
			}
			for _, next := range append(append([]*relation(nil), at.parents...), at.children...) {
				if !seen[next] {
					seen[next] = true
					queue = append(queue, next)
				}
			}
		}
		for _, m := range members {
			c.tree[m] = members
		}
	}
	return nil
}

// bellOf is the number that a tree carries: its roots' before its leaves'; 0 where none does.
func bellOf(tree []*relation) int64 {
	var bell int64
	for _, r := range tree {
		n := r.bell.bell()
		if n == 0 || !r.bell.rings {
			continue
		}
		if len(r.parents) == 0 {
			return n
		}
		if bell == 0 {
			bell = n
		}
	}
	return bell
}

func replicated(tree []*relation) bool {
	for _, r := range tree {
		if r.subscribed {
			return true
		}
	}
	return false
}
