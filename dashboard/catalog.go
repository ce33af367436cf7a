package dashboard

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/extended"
)

// DB is what a book asks of the database. [extended.Pool] is one.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Begin(ctx context.Context, kind extended.Kind) (extended.Tx, error)
}

//go:embed sql/relations.sql
var relationsSQL string

//go:embed sql/columns.sql
var columnsSQL string

//go:embed sql/indexes.sql
var indexesSQL string

//go:embed sql/foreign_keys.sql
var foreignKeysSQL string

//go:embed sql/stats.sql
var statsSQL string

// relation is a table, view or foreign table of the catalog.
type relation struct {
	OID          uint32
	Schema, Name string
	Quoted       string // as the server's quote_ident writes it
	Kind         string // pg_class.relkind
	Readable     bool
	RowsEstimate int64
	Live         bool
	Columns      []string
}

// column is a column with what choosing an order and filtering need.
type column struct {
	TableColumn
	number   int16
	spelled  string // the name as the server's quote_ident writes it
	base     string // typname under any domain
	cast     string // the same, quoted with its schema
	class    string // pg_type.typtype of base
	category string // pg_type.typcategory of base
	element  string // of an array whose elements can be compared: their type, quoted with its schema
	loose    bool   // its collation calls different texts equal, which no pattern can
	preset   string // default expression
	identity bool
}

// index is a valid btree without a condition.
type index struct {
	columns         []int16 // 0: an expression
	primary, unique bool
}

// foreignKey ties columns to those of another table.
type foreignKey struct {
	inward  bool // it leads here from the other table
	columns []int16
	quoted  string   // the other table, as the server's quote_ident writes it
	names   []string // its columns
}

// relations lists all that there is to look at, by schema and name; partitions
// are part of their roots.
func relations(ctx context.Context, db DB) ([]relation, error) {
	tx, err := db.Begin(ctx, extended.ReadOnly)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// With thousands of tables the planner would compile the query and start
	// workers, which takes longer than running it.
	if err := extended.Exec(ctx, tx, plainPlan); err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	rows, err := tx.Query(ctx, relationsSQL+" AND NOT c.relispartition ORDER BY n.nspname, c.relname")
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[relation])
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return all, nil
}

const plainPlan = `SELECT pg_catalog.set_config('jit', 'off', true), pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)`

// lookUp finds one relation; nil where there is none.
func lookUp(ctx context.Context, db DB, schema, name string) (*relation, error) {
	rows, err := db.Query(ctx, relationsSQL+" AND n.nspname = $1 AND c.relname = $2", schema, name)
	if err != nil {
		return nil, fmt.Errorf("look up table: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[relation])
	if err != nil {
		return nil, fmt.Errorf("look up table: %w", err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return &found[0], nil
}

// columnsOf lists the columns that the role may read, in their order.
func columnsOf(ctx context.Context, db DB, oid uint32) ([]column, error) {
	rows, err := db.Query(ctx, columnsSQL, oid)
	if err != nil {
		return nil, fmt.Errorf("list columns: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c column, err error) {
		err = row.Scan(&c.number, &c.Name, &c.spelled, &c.Type, &c.base, &c.cast, &c.class, &c.category, &c.element, &c.loose,
			&c.NotNull, &c.preset, &c.identity, &c.Enum, &c.Sortable)
		c.Kind = kindOf(&c)
		c.Operators = operatorsOf(&c)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("list columns: %w", err)
	}
	return all, nil
}

// viewOrdered tells whether a view's author gave its rows an order.
func viewOrdered(ctx context.Context, db DB, oid uint32) (bool, error) {
	rows, err := db.Query(ctx, `SELECT pg_catalog.pg_get_viewdef($1::oid)`, oid)
	if err != nil {
		return false, fmt.Errorf("read view: %w", err)
	}
	definition, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[*string])
	if err != nil {
		return false, fmt.Errorf("read view: %w", err)
	}
	return definition != nil && ordered(lex(*definition)), nil // nil: it was dropped meanwhile
}

// foreignKeysOf lists the foreign keys between columns of the table and those
// of others that the role may read: first those that lead away, of one column
// before of several, then those that lead here, by the other table.
func foreignKeysOf(ctx context.Context, db DB, oid uint32) ([]foreignKey, error) {
	rows, err := db.Query(ctx, foreignKeysSQL, oid)
	if err != nil {
		return nil, fmt.Errorf("list foreign keys: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k foreignKey, err error) {
		err = row.Scan(&k.inward, &k.columns, &k.quoted, &k.names)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("list foreign keys: %w", err)
	}
	return all, nil
}

func indexesOf(ctx context.Context, db DB, oid uint32) ([]index, error) {
	rows, err := db.Query(ctx, indexesSQL, oid)
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (x index, err error) {
		var vector string
		var keys int16
		if err := row.Scan(&vector, &keys, &x.primary, &x.unique); err != nil {
			return x, err
		}
		for _, number := range strings.Fields(vector)[:keys] {
			n, err := strconv.ParseInt(number, 10, 16)
			if err != nil {
				return x, fmt.Errorf("read index: %w", err)
			}
			x.columns = append(x.columns, int16(n))
		}
		return x, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list indexes: %w", err)
	}
	return all, nil
}
