package listener

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzNotification holds that a payload rings the bell whose number it is, or is a
// ping of its very moment, or nothing: never both, and never anything else.
func FuzzNotification(f *testing.F) {
	for _, s := range []string{
		"1", "12345", "72057594037927935", "72057594037927936", "9223372036854775808", "+7", "-1", "0", "007", "1e9", "0x1", "1_0", " 1", "1\n", "\u0661",
		"ping 2026-11-20T10:00:00.123456Z", "ping 2026-11-20T10:00:00Z", "ping 2026-11-20 10:00:00.123456+00", "ping 2026-02-30T00:00:00Z", "ping 0001-01-01T00:00:00Z",
		"ping self-test", "ping ", "ping", "ping 1", "pinging", "", "{}", `{"table":"orders"}`, "\u2028", "\x00", "\xff", strings.Repeat("9", 7999),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		bell, ping := notification(payload)
		switch {
		case bell != 0 && !ping.IsZero():
			t.Fatalf("%q rings %d and is a ping of %s", payload, bell, ping)
		case bell < 0 || bell >= bellLimit:
			t.Fatalf("%q rings %d", payload, bell)
		case bell > 0 && strings.TrimLeft(payload, "+0") != strconv.FormatInt(bell, 10):
			t.Fatalf("%q rings %d", payload, bell)
		case !ping.IsZero():
			again, err := time.Parse(stamp, strings.TrimPrefix(payload, "ping "))
			if err != nil || !again.Equal(ping) || !strings.HasPrefix(payload, "ping ") {
				t.Fatalf("%q is a ping of %s", payload, ping)
			}
		}
	})
}
