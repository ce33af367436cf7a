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
	EventEnded         Event = "viewer_ended" // an open socket lost what let it in
)

// again is how long the same thing is not told again: a page that reconnects, or
// is asked for many times, is one line a minute.
const again = time.Minute

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
	who, from, what = clip(who), clip(from), clip(what)
	if e == EventDenied || e == EventOpened || e == EventSignInLimited {
		if !a.first(string(e)+"\x00"+who+"\x00"+from+"\x00"+what, time.Now()) {
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

// first tells whether key was not told within the last minute.
func (a *audit) first(key string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.told[key]) < again {
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

func clip(s string) string {
	if len(s) > 200 {
		return strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
