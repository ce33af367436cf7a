package listener_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestNotificationsOfAnything lets a stranger notify the channel of drawn texts:
// they ring the bells whose numbers they are, prove nothing, and end nothing.
// ROWCAST_CASES draws more; ROWCAST_SEED repeats them.
func TestNotificationsOfAnything(t *testing.T) {
	t.Parallel()
	seed, cases := rand.Uint64(), 300
	var err error
	if text := os.Getenv("ROWCAST_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("ROWCAST_SEED: %v", err)
		}
	}
	if text := os.Getenv("ROWCAST_CASES"); text != "" {
		if cases, err = strconv.Atoi(text); err != nil {
			t.Fatalf("ROWCAST_CASES: %v", err)
		}
	}
	t.Logf("ROWCAST_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 25))
	url := database(t)
	install(t, url)
	r := start(t, url)
	stranger := connect(t, url)
	want := 0
	for range cases {
		payload := anyPayload(random)
		if n, err := strconv.ParseUint(strings.TrimPrefix(payload, "+"), 10, 64); err == nil && n > 0 && n < 1<<56 && !strings.HasPrefix(payload, "++") {
			want++
		}
		run(t, stranger, `SELECT pg_notify('rowcast', '`+strings.ReplaceAll(payload, "'", "''")+`')`)
	}
	const last = 12345
	run(t, stranger, `SELECT pg_notify('rowcast', '12345')`)
	from := time.Now()
	r.wait(t, 0, "the last ring", rings(last))
	if got := r.count("rang", 0) - 1; got != want {
		t.Errorf("%d rings for %d numbers", got, want)
	}
	for _, what := range []string{"lost", "proved", "muted"} {
		if n := r.count(what, 0); n != 0 {
			t.Errorf("%d times %s", n, what)
		}
	}
	r.Watched(true)
	if e := r.wait(t, 0, "proof", is("proved")); e.at.Before(from.Add(-time.Second)) || e.at.After(time.Now().Add(time.Second)) {
		t.Errorf("proved at %v", e.at)
	}
	t.Logf("%d notifications, %d rings", cases, want)
}

func anyPayload(r *rand.Rand) string {
	pieces := []string{"", "0", "1", "7", "-", "+", "ping ", "ping", " ", "2001-01-01T00:00:00.5Z", "2999-01-01T00:00:00.123456+00:00", "2026-11-20 10:00:00.123456+00",
		"72057594037927936", "72057594037927935", "9223372036854775808", "x", "{}", "\u2028", "é", "🦀", "\x01", "\n", "'", "self-test", "1e9", "0x1", "1_0", strings.Repeat("9", 18), strings.Repeat("long ", 1500)}
	var b strings.Builder
	for range r.IntN(3) {
		if p := pieces[r.IntN(len(pieces))]; b.Len()+len(p) < 8000 { // more is refused by PostgreSQL
			b.WriteString(p)
		}
	}
	return b.String()
}
