package migrations

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Unwatch takes the bell off every table that a pattern names and off its tree, and returns how many tables
// had it. Dropping a trigger needs the table's owner; where that is another role the error holds the SQL.
func Unwatch(ctx context.Context, conn *pgx.Conn, patterns []string) (removed int, err error) {
	err = withLock(ctx, conn, func() error {
		c, err := readCatalog(ctx, conn)
		if err != nil {
			return err
		}
		trees, failed := c.find(patterns)
		for _, tree := range trees {
			for _, r := range tree {
				done, err := removeFrom(ctx, conn, r)
				if done {
					removed++
				}
				if err != nil {
					failed = append(failed, err)
				}
			}
		}
		return errors.Join(failed...)
	})
	if err != nil {
		return removed, fmt.Errorf("unwatch tables: %w", err)
	}
	return removed, nil
}

func removeFrom(ctx context.Context, conn *pgx.Conn, r *relation) (done bool, err error) {
	ddl := r.dropTriggers()
	if len(ddl) == 0 {
		return false, nil
	}
	if !r.owned {
		return false, fmt.Errorf("take the bell off %s: its owner %s must run: %s",
			r.quoted(), pgx.Identifier{r.owner}.Sanitize(), ddl[0])
	}
	if err := alter(ctx, conn, ddl); err != nil {
		return false, fmt.Errorf("take the bell off %s: %w", r.quoted(), err)
	}
	return true, nil
}

// dropTriggers is the DDL that takes our triggers off a table, and leaves alone a stranger of the same name.
func (r *relation) dropTriggers() (ddl []string) {
	if r.bell.rings {
		ddl = append(ddl, "DROP TRIGGER "+triggerName+" ON "+r.quoted())
	}
	if r.replica.rings {
		ddl = append(ddl, "DROP TRIGGER "+replicaTriggerName+" ON "+r.quoted())
	}
	return ddl
}

const isSchemaOwner = `
SELECT pg_catalog.pg_has_role(n.nspowner, 'USAGE'), pg_catalog.pg_get_userbyid(n.nspowner)::text
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname = 'rowcast'`

// Uninstall removes every trigger, table by table, and then the functions, the version table and the schema.
// It is harmless where nothing is installed. Where the role owns the schema but not a table, that table's
// trigger goes with the function. A schema that holds objects of others keeps them, and this says so.
func Uninstall(ctx context.Context, conn *pgx.Conn) error {
	err := withLock(ctx, conn, func() error {
		var owned bool
		var owner string
		err := conn.QueryRow(ctx, isSchemaOwner).Scan(&owned, &owner)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for schema: %w", err)
		}
		if !owned {
			return fmt.Errorf("the schema rowcast belongs to %s: run this as that role", pgx.Identifier{owner}.Sanitize())
		}
		c, err := readCatalog(ctx, conn)
		if err != nil {
			return err
		}
		for _, r := range c.relations {
			if !r.owned {
				continue
			}
			if _, err := removeFrom(ctx, conn, r); err != nil {
				return err
			}
		}
		return alter(ctx, conn, []string{
			"DROP FUNCTION IF EXISTS rowcast.ring() CASCADE",
			"DROP FUNCTION IF EXISTS rowcast.arm(pg_catalog.int8[], pg_catalog.int4)",
			"DROP FUNCTION IF EXISTS rowcast.disarm(pg_catalog.int8[])",
			"DROP FUNCTION IF EXISTS rowcast.held(pg_catalog.int8[])",
			"DROP FUNCTION IF EXISTS rowcast.version()",
			"DROP FUNCTION IF EXISTS rowcast.slots()",
			"DROP FUNCTION IF EXISTS rowcast.set_slots(pg_catalog.int4)",
			"DROP TABLE IF EXISTS rowcast.goose_version",
			"DROP SCHEMA rowcast RESTRICT",
		})
	})
	if err != nil {
		return fmt.Errorf("uninstall: %w", err)
	}
	return nil
}
