package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

func lookQueue(ctx context.Context, _ *database, conn *pgx.Conn) (finding, error) {
	var usage float64
	err := conn.QueryRow(ctx, `SELECT pg_catalog.pg_notification_queue_usage()`).Scan(&usage)
	return queueFinding(usage), err
}

// whoHoldsTheQueue lists the sessions that may keep the queue from being emptied.
const whoHoldsTheQueue = `SELECT pid, usename, application_name, state, wait_event, xact_start, query FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend' AND (xact_start < pg_catalog.clock_timestamp() - interval '1 minute' OR wait_event = 'ClientWrite')
ORDER BY xact_start;`

// queueFinding judges how full the notification queue is, from 0 to 1. Where it is
// not good, no bell is armed.
func queueFinding(usage float64) finding {
	f := finding{good: usage < 0.1, what: fmt.Sprintf("the notification queue is %.1f %% full", usage*100)}
	if !f.good {
		f.what += ": no bell is armed before it is emptied, and a full one makes every commit that notifies fail"
		f.sql = whoHoldsTheQueue
		f.do = "one of these LISTENs, and has been in one transaction for long, or its client does not read: end it with pg_terminate_backend"
	}
	return f
}

// How many sessions the server has at most, by what they are for.
const (
	doorbellSessions = 2 // one listens, one arms
	readingSessions  = 3 // the pages, those that open, and what is slow
	catalogSessions  = 2
	bulkSessions     = 3 // for as long as tables are counted and exported

	// For moments.
	bellsSessions  = 3 // that put the doorbell on tables
	doctorSessions = 2 // for the status page
	probeSessions  = 1

	mostSessions = doorbellSessions + readingSessions + catalogSessions + bulkSessions + bellsSessions + doctorSessions + probeSessions
)

func lookSessions(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	var most, used, own int
	err := conn.QueryRow(ctx, `SELECT
		pg_catalog.current_setting('max_connections')::pg_catalog.int4 - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4,
		(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
			WHERE coalesce(backend_type, 'client backend') = 'client backend' -- hidden from most roles
			AND usesysid IS NOT NULL AND datid IS NOT NULL AND application_name NOT LIKE 'rowcast/%')::pg_catalog.int4,
		(SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = current_user)`).Scan(&most, &used, &own)
	f := finding{good: true, what: fmt.Sprintf("%d of %d sessions are taken by others", used, most)}
	switch {
	case own >= 0 && own < mostSessions:
		f.good, f.what = false, fmt.Sprintf("role %s may have %d sessions, and rowcast needs up to %d: pages would wait for one another, or show nothing", db.config.User, own, mostSessions)
		f.sql = fmt.Sprintf("ALTER ROLE %s CONNECTION LIMIT %d;", pgx.Identifier{db.config.User}.Sanitize(), mostSessions)
	case most-used < mostSessions:
		f.good = false
		f.what += fmt.Sprintf(", and rowcast needs up to %d: pages would show nothing while others have them all", mostSessions)
		f.sql = fmt.Sprintf("ALTER SYSTEM SET max_connections = %d;  -- counts after a restart of PostgreSQL", most+mostSessions+10)
	}
	return f, err
}

// spill is what a session may put on the database's disk where the doctor is asked: no
// sort of what a page shows needs it, and few of a file of all rows do.
const spill = "2GB"

// lookSpill looks for a bound of the temporary files of one session. A query has a time
// and its answer a size, but what it sorts on its way has none, and it lands on the
// disk that commits need. The server cannot set it: only superusers may, or whom one
// granted it.
func lookSpill(ctx context.Context, db *database, conn *pgx.Conn) (finding, error) {
	var most string
	err := conn.QueryRow(ctx, `SELECT pg_catalog.current_setting('temp_file_limit')`).Scan(&most)
	if most != "-1" {
		return finding{good: true, what: "a session of this role may have " + most + " of temporary files"}, err
	}
	return finding{good: true, note: true, what: "temporary files of this role's sessions have no bound: a panel that sorts or joins too much may fill the database's disk within its time",
		sql: fmt.Sprintf("ALTER ROLE %s SET temp_file_limit = '%s';  -- as a superuser; counts for new sessions", pgx.Identifier{db.config.User}.Sanitize(), spill)}, err
}
