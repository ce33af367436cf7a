package listener

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/extended"
)

// takeSlot tries the slots that ring() tries; none free is no error.
func (s *session) takeSlot(ctx context.Context) error {
	if err := s.countSlots(ctx); err != nil {
		return err
	}
	for slot := 1; slot <= s.slots; slot++ {
		var got bool
		if err := s.arm.QueryRow(ctx, `SELECT pg_catalog.pg_try_advisory_lock($1)`, plain, key(slot, reserved)).Scan(&got); err != nil {
			return fmt.Errorf("take slot: %w", err)
		}
		if !got {
			continue
		}
		// Who takes slots away makes sure that they are free: before this one was taken, perhaps.
		if err := s.countSlots(ctx); err != nil {
			return err
		}
		if slot <= s.slots {
			s.slot = slot
			return nil
		}
		if err := extended.Exec(ctx, s.arm, `SELECT pg_catalog.pg_advisory_unlock($1)`, plain, key(slot, reserved)); err != nil {
			return fmt.Errorf("give back slot: %w", err)
		}
	}
	return nil
}

// takeFirst takes the first slot in place of a later one, where that is all that older transactions stand in the way
// of: they all tried the first, which a server that was replaced has given back since.
func (s *session) takeFirst(ctx context.Context) (got bool, err error) {
	if s.slot <= fewest || s.listener.rewritten {
		return false, nil
	}
	if err := s.arm.QueryRow(ctx, `SELECT pg_catalog.pg_try_advisory_lock($1)`, plain, key(1, reserved)).Scan(&got); err != nil || !got {
		return false, err
	}
	if err := extended.Exec(ctx, s.arm, `SELECT pg_catalog.pg_advisory_unlock($1)`, plain, key(s.slot, reserved)); err != nil {
		return false, fmt.Errorf("give back slot: %w", err)
	}
	s.slot, s.listener.older, s.listener.listed = 1, nil, ""
	return true, nil
}

func (s *session) countSlots(ctx context.Context) error {
	if err := s.arm.QueryRow(ctx, `SELECT rowcast.slots()`, plain).Scan(&s.slots); err != nil {
		return fmt.Errorf("count slots: %w", err)
	}
	return nil
}

// onlySlots tells whether the ring() of now is that of before but for the slots that it tries, the first of which is
// this server's: then nothing has changed for it. Else it might find that slot taken when it comes back.
func (s *session) onlySlots(ctx context.Context, ring string) (bool, error) {
	if s.slot != fewest || s.blocked != (failure{}) {
		return false, nil
	}
	var count, version int
	var allowed bool
	var now, body string
	if err := s.arm.QueryRow(ctx, functionsSQL, plain).Scan(&count, &allowed, &now, &body); err != nil {
		return false, fmt.Errorf("look for the doorbell: %w", err)
	}
	if now != ring || body != s.body || !allowed {
		return false, nil
	}
	if err := s.arm.QueryRow(ctx, `SELECT rowcast.version()`, plain).Scan(&version); err != nil {
		return false, fmt.Errorf("ask for the doorbell's version: %w", err)
	}
	return version == protocol, nil
}

// listOlder notes, once for each ring(), who may still run the one before.
func (s *session) listOlder(ctx context.Context) error {
	if s.listener.listed == s.ring {
		return nil
	}
	const running = `
SELECT virtualtransaction FROM pg_catalog.pg_locks
WHERE locktype = 'virtualxid' AND pid <> pg_catalog.pg_backend_pid()
UNION ALL
SELECT transaction::text FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()`
	rows, err := s.arm.Query(ctx, running, plain)
	if err == nil {
		s.listener.older, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return fmt.Errorf("list running transactions: %w", err)
	}
	s.listener.listed = s.ring
	return nil
}

// replaced says whether a writer may still run a ring() that does something else than the one in the catalog, the
// number of slots apart: every ring() tries the first one, and who takes another waits. A later migration than the
// third may have replaced it (the first tried four slots); after two days nobody is left who could have begun before.
func (s *session) replaced(ctx context.Context) (bool, error) {
	if s.listener.known != "" {
		return s.listener.known != s.body, nil
	}
	const readable = `
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'rowcast' AND c.relname = 'goose_version' AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))`
	var ok bool
	if err := s.arm.QueryRow(ctx, readable, plain).Scan(&ok); err != nil {
		return false, fmt.Errorf("look for the doorbell's history: %w", err)
	}
	if !ok {
		return false, nil
	}
	const recent = `
SELECT EXISTS (SELECT FROM rowcast.goose_version
               WHERE version_id > 3 AND is_applied AND tstamp > pg_catalog.now() - interval '2 days')`
	if err := s.arm.QueryRow(ctx, recent, plain).Scan(&ok); err != nil {
		return false, fmt.Errorf("read the doorbell's history: %w", err)
	}
	return ok, nil
}
