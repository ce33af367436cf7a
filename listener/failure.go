package listener

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// failure is why the doorbell does not work, in the protocol's word and for people.
type failure struct {
	reason, message string
	denied          bool // the server did not believe who we are
	passes          bool // time alone may mend it
	meant           bool // somebody did it on purpose
}

func (f failure) Error() string { return f.message }

// barred is where PostgreSQL refuses a role that may not log in: its password was
// right before, so to ask again locks no account.
const barred = "InitializeSessionUserId"

// Errors that a person must mend; they reach the handler as Lost and show in State until they are.
var (
	errPooler = failure{reason: "not_armed", message: "a transaction pooler stands between rowcast and PostgreSQL: " +
		"LISTEN and session locks do not pass it; give rowcast a direct connection or a pool in session mode"}
	errStandby = failure{reason: "not_armed", message: "this server is a standby (in recovery), which cannot LISTEN: " +
		"point rowcast at the primary"}
	errOld = failure{reason: "not_armed", message: "PostgreSQL is older than 14: the doorbell needs idle_session_timeout"}

	errChanged = failure{reason: "not_armed", meant: true, message: "the doorbell's functions in the database have changed"}
	errLate    = failure{reason: "database_unreachable", message: "pings do not come back: the listening session is late"}
)

// Why bells cannot be armed although both sessions are well.
var (
	notInstalled = failure{reason: "bell_missing", message: `the database has no schema rowcast: "rowcast watch" installs it`}
	notAllowed   = failure{reason: "bell_missing", message: "this role may not use rowcast's functions; as the owner of the schema run: " +
		"GRANT USAGE ON SCHEMA rowcast TO PUBLIC; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA rowcast TO PUBLIC"}
	prepared = failure{reason: "not_armed", message: "max_prepared_transactions is above 0, and PREPARE TRANSACTION fails after a ring: " +
		"tables go by the clock unless prepared transactions are allowed for"}
	settling = failure{reason: "not_armed", passes: true, message: "waiting for the transactions that began before the doorbell's function was replaced"}
	muteHeld = failure{reason: "queue_full", passes: true, message: "waiting for the transactions that could not ring because the notification queue was filling"}
	queueing = failure{reason: "queue_full", passes: true, message: "the notification queue is more than a tenth full: some session listens without reading"}
)

func noSlot(slots int) failure {
	f := failure{reason: "not_armed", passes: true, message: fmt.Sprintf(
		"all slots (%d) are taken by other rowcast servers: tables go by the clock until one is free", slots)}
	if slots < MostSlots {
		f.message += fmt.Sprintf("; as the owner of the schema rowcast SELECT rowcast.set_slots(%d) makes one more", slots+1)
	}
	return f
}

func unknownVersion(v int) failure {
	f := failure{reason: "not_armed", message: fmt.Sprintf(
		"the doorbell in the database speaks version %d and this rowcast version %d: tables go by the clock", v, protocol)}
	if v < protocol {
		f.message += `; "rowcast watch" brings it up to date`
	}
	return f
}

// describe turns any error into a failure without passwords or connection strings.
func describe(err error) failure {
	var f failure
	if errors.As(err, &f) {
		return f
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		f = failure{reason: "database_unreachable", message: fmt.Sprintf("%s (SQLSTATE %s)", refused.Message, refused.Code)}
		f.denied = strings.HasPrefix(refused.Code, "28") && refused.Routine != barred
		if refused.Code == "42501" {
			f.reason = "not_armed"
		}
		return f
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return failure{reason: "database_unreachable", message: "the database does not answer in time"}
	}
	var network *net.OpError
	if errors.As(err, &network) {
		err = network.Err // without the address, which is not for viewers
	}
	return failure{reason: "database_unreachable", message: innermost(err).Error()}
}

// innermost is the cause that names neither user nor host. Where several addresses
// were tried it is the last one's.
func innermost(err error) error {
	for {
		var inner error
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			inner = e.Unwrap()
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) > 0 {
				inner = all[len(all)-1]
			}
		}
		if inner == nil {
			return err
		}
		err = inner
	}
}
