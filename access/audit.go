package access

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Event is something that the audit log tells of.
type Event string

// The events of the audit log.
const (
	EventSignIn      Event = "sign_in"
	EventSignInFails Event = "sign_in_failed"
	// EventSignInLimited is a sign-in that was not even tried.
	EventSignInLimited Event = "sign_in_limited"
	EventSignOut       Event = "sign_out"
	EventDenied        Event = "denied"
	EventOpened        Event = "page_opened"
	EventLinkMade      Event = "link_made"
	EventLinkRevoked   Event = "link_revoked"
	EventEnded         Event = "viewer_ended"  // an open socket lost what let it in
	EventRules         Event = "rules_changed" // the file of rules is another one; the first one too
	// Those of the command line; by links too.
	EventUserSet       Event = "user_set" // added, or given another password and groups
	EventUserRemoved   Event = "user_removed"
	EventSessionsEnded Event = "sessions_ended" // of one user, or of everybody
)

// operators begins the names of who runs the program at the machine; no user of it is
// called so.
const operators = "os:"

// Operator is the name, in the audit log, of who runs the program as a user of the system.
func Operator(user string) string { return operators + user }

// again is how long the same thing is not told again: what is tried many times is
// one line a minute, and a page that stays open, and so connects again now and
// then, is one line.
const again = time.Minute

// Record writes a line for what is done without a gate, at the command line. page
// is an address, whose query is left out, or "".
func Record(log *slog.Logger, e Event, by, page string, more ...any) {
	(&audit{log: log}).write(e, by, "", page, more...)
}

// audit writes what somebody may have to answer for. It holds names, addresses
// of the network and of pages, and nothing else: values of variables stand in an
// address's query and are cut off, and secrets never come here.
type audit struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[string]time.Time
}

func (a *audit) write(e Event, who, from, what string, more ...any) {
	what, _, _ = strings.Cut(what, "?")
	who, from, what = Clip(who), Clip(from), Clip(what)
	if e == EventDenied || e == EventOpened || e == EventSignInLimited {
		key := string(e) + "\x00" + who + "\x00" + from
		if who != "" { // of a stranger one is enough, whatever is tried
			key += "\x00" + what
		}
		if !a.first(key, e == EventOpened, time.Now()) {
			return
		}
	}
	args := []any{"event", string(e)}
	for _, pair := range [][2]string{{"user", who}, {"from", from}, {"page", what}} {
		if pair[1] != "" {
			args = append(args, pair[0], pair[1])
		}
	}
	a.log.Log(context.Background(), slog.LevelInfo, "audit", append(args, more...)...)
}

// first tells whether key was not told within the last minute; of what stays, not
// asked for within it.
func (a *audit) first(key string, stays bool, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, known := a.told[key]
	if known && now.Sub(last) < again {
		if stays {
			a.told[key] = now
		}
		return false
	}
	if len(a.told) >= mostCounted {
		clear(a.told) // a minute's memory is worth no more care
	}
	if a.told == nil {
		a.told = map[string]time.Time{}
	}
	a.told[key] = now
	return true
}

// Clip shortens to 200 bytes what a stranger sent, for a log.
func Clip(s string) string {
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
