// Package shop is the demo's sample: a stationer's shop in the schema shop with
// a few thousand rows of the last days, dashboards on it, and a seller who keeps
// selling.
package shop

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/schema.sql
var schemaSQL string

//go:embed dashboards/*.yaml
var dashboards embed.FS

// Schema is where all the shop's tables are.
const Schema = "shop"

// InsertSQL is a statement for a person to type: it inserts an order by phone.
const InsertSQL = `INSERT INTO shop.orders (customer_id, total) VALUES (1, 42.00)`

// Ordered names the tables, as in "shop.orders", that an order changes.
func Ordered() []string {
	return []string{Schema + ".orders", Schema + ".order_lines", Schema + ".products"}
}

// marker is the schema's comment; it tells our schema from somebody else's, and
// from an earlier edition of ours, which is replaced.
const (
	marker  = "rowcast sample shop, second edition"
	earlier = "rowcast sample shop"
)

// ErrForeign says that the database has a schema of that name that is not ours.
var ErrForeign = errors.New("the database already has a schema named shop, and it is not the sample shop")

// Dashboards holds shop.yaml, operations.yaml and explore.yaml.
func Dashboards() fs.FS {
	sub, err := fs.Sub(dashboards, "dashboards")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Create makes the shop and fills it with the days before now, the same ones on
// every machine; where it is there already it is left as it is. All or nothing.
func Create(ctx context.Context, conn *pgx.Conn) error {
	return create(ctx, conn, 20261120, time.Now())
}

func create(ctx context.Context, conn *pgx.Conn, seed uint64, now time.Time) error {
	var comment *string
	err := conn.QueryRow(ctx, `SELECT pg_catalog.obj_description(oid, 'pg_namespace')
		FROM pg_catalog.pg_namespace WHERE nspname = $1`, Schema).Scan(&comment)
	switch {
	case err == nil && comment != nil && *comment == marker:
		return nil
	case err == nil && (comment == nil || *comment != earlier):
		return ErrForeign
	case err == nil:
		if _, err := conn.Exec(ctx, `DROP SCHEMA shop CASCADE`); err != nil {
			return fmt.Errorf("replace the shop: %w", err)
		}
	case !errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("look for the shop: %w", err)
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// A script of many statements, which only the simple protocol takes.
		if _, err := tx.Exec(ctx, schemaSQL, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		return imagine(rand.New(rand.NewPCG(seed, 0)), now).write(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("create the shop: %w", err)
	}
	return nil
}
