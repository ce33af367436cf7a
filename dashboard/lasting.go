package dashboard

import (
	"strconv"
	"strings"
	"time"
)

// asWritten is a time as files write it: "90s", "24h".
func asWritten(t time.Duration) string {
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// lasting is a time as people read it: "5 s", "1 min", "2 h".
func lasting(t time.Duration) string {
	for _, u := range []struct {
		length time.Duration
		name   string
	}{{time.Hour, "h"}, {time.Minute, "min"}} {
		if t >= u.length && t%u.length == 0 {
			return strconv.FormatInt(int64(t/u.length), 10) + " " + u.name
		}
	}
	return strconv.FormatFloat(t.Seconds(), 'f', -1, 64) + " s"
}
