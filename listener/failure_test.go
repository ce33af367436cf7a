package listener

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Only a password, or what else says who we are, that was not believed is asked
// about seldom: a role that may not log in for a while was let in half a minute late.
func TestOnlyARefusedPasswordIsAskedAboutSeldom(t *testing.T) {
	for _, c := range []struct {
		code, routine string
		most          time.Duration
	}{
		{"28P01", "auth_failed", 30 * time.Second},
		{"28000", "auth_failed", 30 * time.Second}, // LDAP, PAM
		{"28000", "InitializeSessionUserId", 4 * time.Second},
		{"57P03", "ProcessStartupPacket", 4 * time.Second},
	} {
		f := describe(fmt.Errorf("connect: %w", &pgconn.PgError{Code: c.code, Routine: c.routine}))
		longest := time.Duration(0)
		for range 200 {
			longest = max(longest, backoff(100, f))
		}
		if longest > c.most || longest < c.most*3/4 {
			t.Errorf("%s of %s: asked again after up to %s, want %s", c.code, c.routine, longest, c.most)
		}
	}
}

// A standby was waited for by the attempt itself: a pause after it would be one in which nobody sees its promotion.
func TestAStandbyIsLookedAtWithoutAPause(t *testing.T) {
	for range 200 {
		if d := backoff(100, errStandby); d > 100*time.Millisecond {
			t.Fatalf("asked again after %s", d)
		}
	}
}
