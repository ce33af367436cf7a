package migrations

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/internal/extended"
)

// Table is one table that has the bell, or should have because its tree has it.
type Table struct {
	OID          uint32
	Schema, Name string
	Bell         int64    // the number it shares with all tables of its tree; 0: none yet
	Missing      []string // what keeps the bell from ringing for every write, for people
}

// Whole says that every ordinary write to the table rings its bell.
func (t Table) Whole() bool { return len(t.Missing) == 0 }

// Quoted is the table's name as SQL reads it.
func (t Table) Quoted() string { return pgx.Identifier{t.Schema, t.Name}.Sanitize() }

// Watch puts the bell on every table that a pattern names, with its whole partition or inheritance tree, and
// returns those trees' tables as they are afterwards. A pattern is a name as SQL reads it, with or without
// schema, where * in an unquoted part stands for any characters: orders, public.*, "Mixed"."Case". Tables
// that a subscription feeds also get a row trigger that fires for what logical replication applies.
//
// Repeating it is cheap and right: it takes up new leaves and repairs triggers that were disabled, changed or
// dropped, and touches nothing that is whole. What could not be done is in the error, table by table, with
// the SQL that mends it; the other tables are done all the same.
func Watch(ctx context.Context, conn *pgx.Conn, patterns []string) ([]Table, error) {
	var tables []Table
	err := withLock(ctx, conn, func() error {
		c, err := readCatalog(ctx, conn)
		if err != nil {
			return err
		}
		if c.ring == 0 {
			return ErrNotInstalled
		}
		trees, failed := c.find(patterns)
		if ctx.Err() == nil {
			failed = append(failed, install(ctx, conn, trees)...)
		}
		after, err := readCatalog(ctx, conn)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		meant := make(map[uint32]bool)
		for _, tree := range trees {
			for _, r := range tree {
				meant[r.OID] = true
			}
		}
		tables = after.tables(func(r *relation) bool { return meant[r.OID] })
		return errors.Join(failed...)
	})
	if err != nil {
		return tables, fmt.Errorf("watch tables: %w", err)
	}
	return tables, nil
}

// NoTableError is that of a pattern that names no table.
type NoTableError struct {
	Pattern string
	Many    bool // it has a *, and may name tables that come later
}

// Error quotes the pattern.
func (e *NoTableError) Error() string {
	return fmt.Sprintf("no table matches %s (names that hold capitals need double quotes)", e.Pattern)
}

// Status lists the tables that have the bell, and those that should because their tree has it.
func Status(ctx context.Context, conn *pgx.Conn) ([]Table, error) {
	c, err := readCatalog(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("read status of tables: %w", err)
	}
	return c.tables(func(r *relation) bool {
		return slices.ContainsFunc(c.tree[r], func(m *relation) bool {
			return m.bell.enabled != "" || m.replica.enabled != ""
		})
	}), nil
}

func (c *catalog) tables(wanted func(*relation) bool) []Table {
	var tables []Table
	for _, r := range c.relations {
		if tree := c.tree[r]; tree != nil && wanted(r) {
			bell := bellOf(tree)
			tables = append(tables, Table{OID: r.OID, Schema: r.Schema, Name: r.Name, Bell: bell,
				Missing: r.missing(bell, replicated(tree))})
		}
	}
	return tables
}

// find returns the trees that patterns name, each once, and an error for each pattern that names nothing.
func (c *catalog) find(patterns []string) (trees [][]*relation, failed []error) {
	taken := make(map[*relation]bool)
	for _, text := range patterns {
		p, err := parsePattern(text)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		found := false
		for _, r := range c.relations {
			if !p.match(r) {
				continue
			}
			if !r.table() {
				if !p.many() {
					failed = append(failed, fmt.Errorf("%s is a %s, which has no writes of its own: name the tables it reads", r.quoted(), kindName(r.kind)))
					found = true
				}
				continue
			}
			found = true
			if !taken[r] {
				trees = append(trees, c.tree[r])
				for _, m := range c.tree[r] {
					taken[m] = true
				}
			}
		}
		if !found {
			failed = append(failed, &NoTableError{Pattern: text, Many: p.many()})
		}
	}
	return trees, failed
}

func kindName(kind string) string {
	switch kind {
	case "v":
		return "view"
	case "m":
		return "materialized view"
	default:
		return "foreign table"
	}
}

func install(ctx context.Context, conn *pgx.Conn, trees [][]*relation) (failed []error) {
	for _, tree := range trees {
		bell := bellOf(tree)
		if bell == 0 {
			bell = newBell()
		}
		for _, r := range tree {
			if ctx.Err() != nil {
				return append(failed, ctx.Err())
			}
			if err := installOn(ctx, conn, r, bell, replicated(tree)); err != nil {
				failed = append(failed, fmt.Errorf("put the bell on %s: %w", r.quoted(), err))
			}
		}
	}
	return failed
}

func installOn(ctx context.Context, conn *pgx.Conn, r *relation, bell int64, replicated bool) error {
	var ddl []string
	argument := strconv.FormatInt(bell, 10) // digits only: DDL takes no parameters
	if len(r.bell.missing("", bell, bellType, "O", "A")) > 0 {
		if r.bell.enabled != "" && !r.bell.rings {
			return fmt.Errorf("a trigger named %s is there that is not rowcast's: rename it", triggerName)
		}
		ddl = append(ddl, "CREATE OR REPLACE TRIGGER "+triggerName+" AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON "+
			r.quoted()+" FOR EACH STATEMENT EXECUTE FUNCTION rowcast.ring("+argument+")")
	}
	if !r.mayTrigger && len(ddl) > 0 {
		return fmt.Errorf("this role may not create triggers on it; as %s run: GRANT TRIGGER ON TABLE %s TO <this role>",
			pgx.Identifier{r.owner}.Sanitize(), r.quoted())
	}
	// On a partitioned root a row trigger would be cloned to every leaf, so the leaves carry it themselves.
	if replicated && r.kind == "r" && len(r.replica.missing("", bell, replicaType, "R", "A")) > 0 {
		create := "CREATE OR REPLACE TRIGGER " + replicaTriggerName + " AFTER INSERT OR UPDATE OR DELETE ON " +
			r.quoted() + " FOR EACH ROW EXECUTE FUNCTION rowcast.ring(" + argument + ")"
		enable := "ALTER TABLE ONLY " + r.quoted() + " ENABLE REPLICA TRIGGER " + replicaTriggerName
		if !r.owned {
			return fmt.Errorf("logical replication writes to it, so its owner %s must run: %s; %s",
				pgx.Identifier{r.owner}.Sanitize(), create, enable)
		}
		ddl = append(ddl, create, enable)
	}
	return alter(ctx, conn, ddl)
}

// newBell draws a number that no other tree has: 56 random bits, neither 0 nor the reserved one.
func newBell() int64 {
	for {
		var b [8]byte
		_, _ = rand.Read(b[1:]) // never fails
		if n := int64(binary.BigEndian.Uint64(b[:])); n != 0 && n != reserved {
			return n
		}
	}
}

const (
	lockWait    = 50 * time.Millisecond // writers may queue behind us for this long
	lockRest    = 10 * lockWait         // and then have the table to themselves
	lockPatient = 60                    // attempts, about half a minute
)

// alter runs DDL on one table in one transaction. Waiting for its lock makes new writers queue, so it waits
// briefly, rests, and tries again.
func alter(ctx context.Context, conn *pgx.Conn, ddl []string) error {
	if len(ddl) == 0 {
		return nil
	}
	for attempt := 1; ; attempt++ {
		err := alterOnce(ctx, conn, ddl)
		var refused *pgconn.PgError
		if err == nil || !errors.As(err, &refused) || refused.Code != "55P03" && refused.Code != "40P01" {
			return err
		}
		if attempt == lockPatient {
			return fmt.Errorf("other sessions keep the table locked; end their transactions and try again: %w", err)
		}
		if err := sleep(ctx, lockRest); err != nil {
			return fmt.Errorf("wait for the table's lock: %w", err)
		}
	}
}

func alterOnce(ctx context.Context, conn *pgx.Conn, ddl []string) error {
	return extended.Do(ctx, conn, func(tx extended.Tx) error {
		ms := strconv.FormatInt(lockWait.Milliseconds(), 10)
		// A process that is frozen here would keep writers out.
		const limits = `SELECT pg_catalog.set_config('lock_timeout', $1, true), pg_catalog.set_config('idle_in_transaction_session_timeout', '5s', true)`
		if err := extended.Exec(ctx, tx, limits, ms); err != nil {
			return err
		}
		for _, statement := range ddl {
			if err := extended.Exec(ctx, tx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}
