package shop

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/absence.sql
	absenceSQL string
	//go:embed sql/shipped.sql
	shippedSQL string
)

// absence is how long nobody ordered before the shop counts as one that stood still.
// In the hours before dawn a few minutes without an order are usual.
const absence = 30 * time.Minute

// CatchUp has a shop that stood still have sold meanwhile, for as many days as a new
// one looks back on: a page of today's sales has some to show. A shop in which somebody
// took customers or products away is left as it is. All or nothing.
func CatchUp(ctx context.Context, conn *pgx.Conn) error {
	var now time.Time // by the clock that stamps its orders
	if err := conn.QueryRow(ctx, `SELECT pg_catalog.now()`).Scan(&now); err != nil {
		return fmt.Errorf("ask for the time: %w", err)
	}
	return catchUp(ctx, conn, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), now)
}

func catchUp(ctx context.Context, conn *pgx.Conn, r *rand.Rand, now time.Time) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		from, next, countries := now.AddDate(0, 0, -historyDays), int64(0), []string(nil)
		var last time.Time
		err := tx.QueryRow(ctx, absenceSQL, now, from, customerCount, len(catalog())).Scan(&last, &countries)
		if err != nil {
			return fmt.Errorf("look when it sold last: %w", err)
		}
		if countries == nil || now.Sub(last) < absence {
			return nil
		}
		if _, err := tx.Exec(ctx, shippedSQL, now); err != nil {
			return fmt.Errorf("ship what waited: %w", err)
		}
		const number = `SELECT pg_catalog.nextval('shop.orders_id_seq')`
		if err := tx.QueryRow(ctx, number).Scan(&next); err != nil {
			return fmt.Errorf("number the orders: %w", err)
		}
		h := &history{nextOrder: next}
		h.sell(r, countries, last, now)
		if err := h.add(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT pg_catalog.setval('shop.orders_id_seq', $1, false)`, h.nextOrder); err != nil {
			return fmt.Errorf("number what comes next: %w", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("catch up: %w", err)
	}
	return nil
}
