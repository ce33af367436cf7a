package listener

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowcast/rowcast/internal/extended"
)

const (
	protocol  = 3       // what rowcast.version() must say
	bellLimit = 1 << 56 // bell numbers are below
	reserved  = 0x726f7763617374
	muteKey   = 5<<56 | reserved
	fewest    = 1 // slots that every ring() tried that ever was
	mostBells = 500

	connectTimeout   = 5 * time.Second
	longQueueTimeout = time.Minute     // to read 800 MB and more, on a machine that does other things
	answerTimeout    = time.Second     // a session that takes longer is late, and as good as lost
	standbyFor       = 4 * time.Second // then it is connected anew: the address may lead to a primary by now
)

// MostSlots is how many servers can have a slot, and so go by the bell, of one database.
const MostSlots = 4

func key(slot int, bell int64) int64 { return int64(slot)<<56 | bell }

// plain needs no prepared statement to survive between two messages, so that a pooler is recognized and named
// instead of failing in ways of its own.
const plain = pgx.QueryExecModeExec

// connect opens both sessions, proves that they are what they must be, LISTENs, and finds out whether bells
// can be armed. The pair it returns hears everything from now on. Of a standby it tells lost, and waits a while
// for its promotion.
func (l *Listener) connect(whole context.Context, lost func(error)) (_ *session, err error) {
	ctx, cancel := context.WithTimeout(whole, connectTimeout)
	defer cancel()
	s := &session{
		listener: l,
		requests: make(chan armRequest),
		ended:    make(chan struct{}),
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.hear, err = l.config.Connect(ctx, "listen"); err != nil {
		return nil, fmt.Errorf("connect listening session: %w", err)
	}
	if s.arm, err = l.config.Connect(ctx, "arm"); err != nil {
		return nil, fmt.Errorf("connect arming session: %w", err)
	}
	// Before anything is set or taken: behind a pooler it would stick to a stranger's session.
	if err := s.checkBackends(ctx); err != nil {
		return nil, err
	}
	standby, err := s.checkServer(ctx)
	if err != nil {
		return nil, err
	}
	for _, conn := range []*pgx.Conn{s.hear, s.arm} {
		if err := limit(ctx, conn); err != nil {
			return nil, err
		}
	}
	if standby {
		lost(errStandby)
		if err := s.promoted(whole); err != nil {
			return nil, err
		}
		ctx, cancel = context.WithTimeout(whole, connectTimeout)
		defer cancel()
	}
	if err := s.listen(ctx, whole); err != nil {
		return nil, err
	}
	ctx, cancel = context.WithTimeout(whole, connectTimeout)
	defer cancel()
	if err := s.inspect(ctx); err != nil {
		return nil, err
	}
	if s.blocked == (failure{}) {
		if err := s.takeSlot(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.checkSelf(ctx); err != nil {
		return nil, err
	}
	if s.blocked == (failure{}) {
		if s.blocked, err = s.progress(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// listen begins to hear. Who begins reads all that the queue holds first, from where its end was last looked
// for: whoever asks for its usage looks for it. Behind somebody who stands still it is long all the same, and an
// attempt that was given up would begin anew.
func (s *session) listen(ctx, whole context.Context) error {
	var usage float64
	if err := s.arm.QueryRow(ctx, `SELECT pg_catalog.pg_notification_queue_usage()`, plain).Scan(&usage); err != nil {
		return fmt.Errorf("ask for the notification queue: %w", err)
	}
	if usage > s.listener.config.QueueLimit {
		long, cancel := context.WithTimeout(whole, longQueueTimeout)
		defer cancel()
		ctx = long
	}
	if err := extended.Exec(ctx, s.hear, `LISTEN rowcast`); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// checkBackends finds a pooler that hands one backend to both sessions, or another one at each statement.
func (s *session) checkBackends(ctx context.Context) error {
	pid := func(conn *pgx.Conn) (pid uint32, err error) {
		if err = conn.QueryRow(ctx, `SELECT pg_catalog.pg_backend_pid()`, plain).Scan(&pid); err != nil {
			err = fmt.Errorf("ask for backend: %w", err)
		}
		return pid, err
	}
	before, err := pid(s.hear)
	if err != nil {
		return err
	}
	if err := extended.Exec(ctx, s.arm, `BEGIN`); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if s.armPID, err = pid(s.arm); err != nil {
		return err
	}
	after, err := pid(s.hear)
	if err != nil {
		return err
	}
	if err := extended.Exec(ctx, s.arm, `ROLLBACK`); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	if before == s.armPID || before != after {
		return errPooler
	}
	return nil
}

// promoted waits until a standby is promoted. It looks as often as an arming session pings, so that the page is
// live a second later, and no session has to be opened for a look.
func (s *session) promoted(ctx context.Context) error {
	for until := time.Now().Add(standbyFor); time.Now().Before(until); {
		if err := pause(ctx, beat); err != nil {
			return err
		}
		answer, cancel := answering(ctx)
		standby := true
		err := s.arm.QueryRow(answer, `SELECT pg_catalog.pg_is_in_recovery()`, plain).Scan(&standby)
		cancel()
		switch {
		case err != nil:
			return fmt.Errorf("wait for the promotion: %w", err)
		case !standby:
			return nil
		}
	}
	return errStandby
}

// checkServer reads what kind of server this is, and how many locks we may take of it.
func (s *session) checkServer(ctx context.Context) (standby bool, err error) {
	const ask = `
SELECT pg_catalog.pg_is_in_recovery(),
       pg_catalog.current_setting('server_version_num')::int4,
       pg_catalog.current_setting('max_locks_per_transaction')::int4
           * (pg_catalog.current_setting('max_connections')::int4 + pg_catalog.current_setting('max_prepared_transactions')::int4),
       pg_catalog.current_setting('max_prepared_transactions')::int4 > 0`
	var twoPhase bool
	var version, locks int
	if err := s.arm.QueryRow(ctx, ask, plain).Scan(&standby, &version, &locks, &twoPhase); err != nil {
		return false, fmt.Errorf("ask for settings: %w", err)
	}
	if version < 140000 {
		return false, errOld
	}
	s.cap = min(mostBells, locks/10)
	if most := s.listener.config.MaxArmed; most > 0 {
		s.cap = min(s.cap, most)
	}
	if twoPhase && !s.listener.config.AllowPrepared {
		s.blocked = prepared
	}
	return standby, nil
}

// limit makes the server end a session that stays silent, and nothing else: what a role's settings say about
// timeouts is for other sessions.
func limit(ctx context.Context, conn *pgx.Conn) error {
	const set = `
SELECT pg_catalog.set_config(name, value, false)
FROM (VALUES ('idle_session_timeout', '5s'), ('tcp_user_timeout', '5s'), ('statement_timeout', '0'), ('lock_timeout', '0'),
             ('default_transaction_isolation', 'read committed'), ('search_path', 'pg_catalog')) AS s(name, value)`
	if err := extended.Exec(ctx, conn, set); err != nil {
		return fmt.Errorf("limit session: %w", err)
	}
	return nil
}

// checkSelf proves that a notification of the arming session reaches the waiting listening session, and that
// the arming session's lock keeps the listening session out.
func (s *session) checkSelf(ctx context.Context) error {
	if err := extended.Exec(ctx, s.arm, `SELECT pg_catalog.pg_notify('rowcast', $1)`, plain, "ping self-test"); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	wait, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		n, err := s.hear.WaitForNotification(wait)
		if err != nil {
			if wait.Err() != nil && ctx.Err() == nil {
				return errPooler
			}
			return fmt.Errorf("wait for own notification: %w", err)
		}
		if n.PID == s.armPID && n.Payload == "ping self-test" {
			break
		}
	}
	if s.slot == 0 {
		return nil
	}
	var got bool
	const try = `SELECT pg_catalog.pg_try_advisory_xact_lock_shared($1)`
	if err := s.hear.QueryRow(ctx, try, plain, key(s.slot, reserved)).Scan(&got); err != nil {
		return fmt.Errorf("try own slot: %w", err)
	}
	if got {
		return errPooler
	}
	return nil
}

// functionsSQL reads the doorbell from the catalog, without an error where it is not there.
const functionsSQL = `
SELECT count(*),
       COALESCE(pg_catalog.bool_and(pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
                                    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')), false),
       COALESCE(pg_catalog.max(CASE WHEN p.proname = 'ring' THEN p.oid::text || '/' || p.xmin::text END), ''),
       COALESCE(pg_catalog.max(CASE WHEN p.proname = 'ring' THEN pg_catalog.regexp_replace(p.prosrc,
           '(\s+AND\s+)?pg_catalog\.pg_try_advisory_xact_lock_shared\(\d+::pg_catalog\.int8 OPERATOR\(pg_catalog\.\+\) bell\)', '', 'g') END), '')
FROM pg_catalog.pg_namespace AS n
JOIN pg_catalog.pg_proc AS p ON p.pronamespace = n.oid
WHERE n.nspname = 'rowcast' AND p.proname IN ('ring', 'held', 'arm', 'disarm', 'version', 'slots')`

// inspect finds the doorbell's functions and whether ring() may just have been replaced.
func (s *session) inspect(ctx context.Context) error {
	var count int
	var allowed bool
	if err := s.arm.QueryRow(ctx, functionsSQL, plain).Scan(&count, &allowed, &s.ring, &s.body); err != nil {
		return fmt.Errorf("look for the doorbell: %w", err)
	}
	block := func(f failure) {
		if s.blocked == (failure{}) {
			s.blocked = f
		}
	}
	if count < 5 {
		block(notInstalled)
		return nil
	}
	if !allowed {
		block(notAllowed)
		return nil
	}
	var version int
	if err := s.arm.QueryRow(ctx, `SELECT rowcast.version()`, plain).Scan(&version); err != nil {
		return fmt.Errorf("ask for the doorbell's version: %w", err)
	}
	if version != protocol {
		block(unknownVersion(version))
		return nil
	}
	replaced, err := s.replaced(ctx)
	if err != nil {
		return err
	}
	s.listener.known = s.body
	if !replaced {
		return nil
	}
	s.listener.rewritten = true
	return s.listOlder(ctx)
}

// progress does what still stands between this session and arming, and says what is left of it.
func (s *session) progress(ctx context.Context) (failure, error) {
	if s.slot == 0 {
		if err := s.takeSlot(ctx); err != nil {
			return failure{}, err
		}
		if s.slot == 0 {
			return noSlot(s.slots), nil
		}
	}
	if s.slot > fewest { // writers who began before there was this slot did not try it, and nobody knows when that was
		if err := s.listOlder(ctx); err != nil {
			return failure{}, err
		}
	}
	if len(s.listener.older) > 0 {
		const still = `
SELECT virtualtransaction FROM pg_catalog.pg_locks
WHERE locktype = 'virtualxid' AND virtualtransaction = ANY (pg_catalog.string_to_array($1, ' '))
UNION ALL
SELECT transaction::text FROM pg_catalog.pg_prepared_xacts WHERE transaction::text = ANY (pg_catalog.string_to_array($1, ' '))`
		rows, err := s.arm.Query(ctx, still, plain, strings.Join(s.listener.older, " "))
		if err == nil {
			s.listener.older, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if err != nil {
			return failure{}, fmt.Errorf("wait for older transactions: %w", err)
		}
		if len(s.listener.older) > 0 {
			if first, err := s.takeFirst(ctx); err != nil || !first {
				return settling, err
			}
		}
		s.listener.rewritten = false
	}
	if s.heldMute {
		return failure{}, nil
	}
	return s.unmute(ctx)
}

// unmute passes through the mute key once: whoever could not ring has then ended.
func (s *session) unmute(ctx context.Context) (failure, error) {
	var usage float64
	if err := s.arm.QueryRow(ctx, `SELECT pg_catalog.pg_notification_queue_usage()`, plain).Scan(&usage); err != nil {
		return failure{}, fmt.Errorf("ask for the notification queue: %w", err)
	}
	s.muted = true
	if usage > s.listener.config.QueueLimit {
		return queueing, nil
	}
	var held bool
	const take = `SELECT pg_catalog.cardinality(rowcast.arm(ARRAY[$1::int8], $2::int4)) = 1`
	if err := s.arm.QueryRow(ctx, take, plain, int64(muteKey), s.listener.config.waitMS()).Scan(&held); err != nil {
		return failure{}, fmt.Errorf("take the mute key: %w", err)
	}
	if !held {
		return muteHeld, nil
	}
	var free bool
	const free0 = `SELECT pg_catalog.cardinality(rowcast.disarm(ARRAY[$1::int8])) = 0`
	if err := s.arm.QueryRow(ctx, free0, plain, int64(muteKey)).Scan(&free); err != nil {
		return failure{}, fmt.Errorf("give back the mute key: %w", err)
	}
	if !free {
		return failure{}, errors.New("give back the mute key: it is still held")
	}
	s.muted, s.heldMute = false, true
	return failure{}, nil
}

func (c Config) waitMS() int { return int(max(c.ArmWait.Milliseconds(), 1)) }
