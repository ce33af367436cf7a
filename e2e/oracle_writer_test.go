package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// writer changes the oracle's tables in random transactions.
type writer struct {
	number int
	conn   *pgx.Conn
	random *rand.Rand
	judge  *judge
}

// errAborted is how a transaction ends that takes itself back.
var errAborted = errors.New("aborted on purpose")

// book adds what a change d(grp, n, s) did to the writer's totals.
const book = `
INSERT INTO total AS t (grp, w, n, s) SELECT grp, $1::int, sum(n), sum(s) FROM d GROUP BY grp
ON CONFLICT (grp, w) DO UPDATE SET n = t.n + excluded.n, s = t.s + excluded.s`

// run writes until ctx ends; its error is one that no transaction may have.
func (w *writer) run(ctx context.Context, pause time.Duration) error {
	for ctx.Err() == nil {
		if err := w.once(w.pick()); err != nil {
			return err
		}
		sleep(ctx, time.Duration(w.random.Int64N(int64(2*pause))))
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// once runs one transaction and books when it was committed at the latest, by
// the database's clock. It is never cancelled: what a writer did must be known.
func (w *writer) once(work func(context.Context, pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	xid := ""
	err := pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', '1s', true), set_config('deadlock_timeout', '20ms', true)`); err != nil {
			return err
		}
		if err := work(ctx, tx); err != nil {
			return err
		}
		if w.random.IntN(6) == 0 {
			return errAborted
		}
		return tx.QueryRow(ctx, `SELECT coalesce(pg_current_xact_id_if_assigned()::text, '')`).Scan(&xid)
	})
	var refused *pgconn.PgError
	switch {
	case errors.Is(err, errAborted), errors.As(err, &refused):
		w.judge.aborts.Add(1) // a deadlock, a lock not had, a key that is there already
		return nil
	case err != nil:
		return fmt.Errorf("writer %d: %w", w.number, err)
	}
	var at time.Time
	if err := w.conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&at); err != nil {
		return fmt.Errorf("writer %d: %w", w.number, err)
	}
	w.judge.committed(xid, at)
	return nil
}

// pick draws a transaction.
func (w *writer) pick() func(context.Context, pgx.Tx) error {
	switch n := w.random.IntN(100); {
	case n < 2:
		return w.truncate
	case n < 6:
		return w.slow
	case n < 20:
		return w.several
	case n < 35:
		return w.savepoint
	default:
		return w.step
	}
}

// step is one small change of both tables.
func (w *writer) step(ctx context.Context, tx pgx.Tx) error {
	r := w.random
	a, b := 1+r.IntN(130), 1+r.IntN(130)
	var sql string
	args := []any{w.number}
	switch n := r.IntN(10); {
	case n < 4: // a transfer; the totals change where the groups differ
		sql = `WITH x AS (UPDATE acct SET v = v + CASE id WHEN $2::int THEN $4::int ELSE -$4::int END
			WHERE id IN (SELECT id FROM acct WHERE id IN ($2::int, $3::int) AND $2 <> $3 ORDER BY id FOR UPDATE)
			RETURNING grp, CASE id WHEN $2::int THEN $4::int ELSE -$4::int END AS s),
		d AS (SELECT grp, 0 AS n, s FROM x)` + book
		args = append(args, a, b, 1+r.IntN(50))
	case n < 6: // a whole group
		sql = `WITH x AS (UPDATE acct SET v = v + $3::int
			WHERE id IN (SELECT id FROM acct WHERE grp = $2::int ORDER BY id FOR UPDATE) RETURNING grp),
		d AS (SELECT grp, 0 AS n, $3::int AS s FROM x)` + book
		args = append(args, r.IntN(6), 1+r.IntN(9))
	case n < 8: // into another group
		sql = `WITH x AS (UPDATE acct AS a SET grp = $3::int FROM (SELECT id, grp FROM acct WHERE id = $2::int FOR UPDATE) AS o
			WHERE a.id = o.id RETURNING o.grp AS was, a.v),
		d AS (SELECT was AS grp, -1 AS n, -v AS s FROM x UNION ALL SELECT $3::int, 1, v FROM x)` + book
		args = append(args, a, r.IntN(6))
	case n < 9:
		sql = `WITH x AS (DELETE FROM acct WHERE id = $2::int RETURNING grp, v),
		d AS (SELECT grp, -1 AS n, -v AS s FROM x)` + book
		args = append(args, a)
	default: // one that is not there, or was deleted before
		sql = `WITH x AS (INSERT INTO acct VALUES ($2::int, $3::int, $4::int) ON CONFLICT DO NOTHING RETURNING grp, v),
		d AS (SELECT grp, 1 AS n, v AS s FROM x)` + book
		args = append(args, b, r.IntN(6), r.IntN(2000))
	}
	_, err := tx.Exec(ctx, sql, args...)
	return err
}

func (w *writer) several(ctx context.Context, tx pgx.Tx) error {
	for range 2 + w.random.IntN(4) {
		if err := w.step(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// slow holds what it wrote for a while.
func (w *writer) slow(ctx context.Context, tx pgx.Tx) error {
	if err := w.step(ctx, tx); err != nil {
		return err
	}
	sleep(ctx, time.Duration(w.random.Int64N(int64(400*time.Millisecond))))
	return w.step(ctx, tx)
}

// savepoint takes back a part of what it wrote.
func (w *writer) savepoint(ctx context.Context, tx pgx.Tx) error {
	if w.random.IntN(2) == 0 {
		if err := w.step(ctx, tx); err != nil {
			return err
		}
	}
	err := pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error {
		if err := w.several(ctx, inner); err != nil {
			return err
		}
		if w.random.IntN(2) == 0 {
			return errAborted
		}
		return nil
	})
	if err != nil && !errors.Is(err, errAborted) {
		return err
	}
	return w.step(ctx, tx)
}

// truncate empties both tables and begins anew.
func (w *writer) truncate(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `TRUNCATE acct, total`); err != nil {
		return err
	}
	if w.random.IntN(4) == 0 {
		sleep(ctx, 20*time.Millisecond)
	}
	_, err := tx.Exec(ctx, `WITH x AS (INSERT INTO acct SELECT i, i % 6, $2::int FROM generate_series(1, 120) i RETURNING grp, v),
		d AS (SELECT grp, 1 AS n, v AS s FROM x)`+book, w.number, 500+w.random.IntN(1000))
	return err
}
