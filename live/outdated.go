package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowcast/rowcast/delta"
)

// renewals is how often one reading prepares a statement anew because of its error.
// Where the role that runs it finds other tables by the same names than the one that
// prepared it, it never helps.
const renewals = 2

// renews tells whether an error may be the statement's, which was prepared when its
// tables were others, and not the query's: it is to be prepared anew then. One whose
// columns are others now says so itself. One whose parameters are of other types now
// has an error that a query may have as well: that is tried as often as a broken panel.
func (a *attempt) renews(st *statement, text string, err error) bool {
	if st == nil || a.anew[text] == renewals || !outdated(err) && (!typed(err) || time.Since(st.made) < faultEvery) {
		return false
	}
	a.anew[text]++
	return true
}

// renew gives up a statement, and the others where its tables' columns are other ones.
func (s *session) renew(ctx context.Context, a *attempt, q query, err error) error {
	if s.conn == nil || s.conn.IsClosed() {
		return nil
	}
	if outdated(err) {
		if a.anew[q.text] > 1 && q.role == "" { // a query before it may have it find other tables
			s.swayed = time.Now()
		}
		return s.forget(ctx)
	}
	st := s.statements[q.text]
	delete(s.statements, q.text)
	if err := s.conn.PgConn().Deallocate(ctx, st.name); err != nil {
		s.close()
		return fmt.Errorf("forget statement: %w", err)
	}
	return nil
}

// disarmed tells that the session has lost its statements. Where a query of this reading
// was answered, that one gave them up, by a function that it calls: no rollback brings
// them back.
func disarmed(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "26000" && e.Where == "" // and not in a function
}

var forgetful = &delta.Error{Code: "query_failed", Message: "the query gives up the prepared statements of the session that reads, as DEALLOCATE does"}

// outdated tells that a statement's columns changed since it was prepared.
func outdated(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "0A000" && e.Routine == "RevalidateCachedQuery"
}

// typed tells an error that other types of a query's tables may be the reason of: what
// is not supported, a number too large, a text that is no value of a type, a function
// or operator that is not there.
func typed(err error) bool {
	switch code := codeOf(err); code {
	case "42501", "42P01": // forbidden, or no such table
		return false
	case "0A000", "22003":
		return true
	default:
		return strings.HasPrefix(code, "42") || strings.HasPrefix(code, "2200") || strings.HasPrefix(code, "22P")
	}
}
