package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

// metric is the sum of the series of this name whose line has all of the words.
func metric(t *testing.T, s *server, name string, words ...string) (sum float64) {
	t.Helper()
	found := false
	_, body := get(t, s.url+"metrics")
	for line := range strings.Lines(body) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
		if !ok || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		all := true
		for _, w := range words {
			all = all && strings.Contains(rest, w)
		}
		if !all {
			continue
		}
		v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		found, sum = true, sum+v
	}
	if !found {
		t.Fatalf("no %s %q among the metrics", name, words)
	}
	return sum
}

func TestMetricsTellOfAChange(t *testing.T) {
	db := pgtest.New(t)
	db.Script(t, `CREATE TABLE notes (id int PRIMARY KEY, text text)`)
	s := serve(t, db.URL, "--watch", "public.*")
	hear := events(t, s, "/t/public.notes?sort=-id")
	hear(`"state":"live"`)
	const page = `page="/t/public.notes"` // without what stands behind the question mark
	frames, read := metric(t, s, "rowcast_ring_to_frame_seconds_count"), metric(t, s, "rowcast_query_seconds_count", page)
	asked := metric(t, s, "rowcast_database_statements_total")
	// A change that comes before the bell is armed is found without a ring.
	counted, inserted := 0.0, 0
	for deadline := time.Now().Add(10 * time.Second); counted == 0; inserted++ {
		if time.Now().After(deadline) {
			t.Fatalf("%d changes, no frame in the histogram", inserted)
		}
		db.Exec(t, `INSERT INTO notes VALUES ($1, $2)`, inserted, fmt.Sprintf("counted %d", inserted))
		hear(fmt.Sprintf("counted %d", inserted))
		counted = metric(t, s, "rowcast_ring_to_frame_seconds_count") - frames
	}
	if counted > float64(inserted) {
		t.Errorf("%d changes, %v frames in the histogram", inserted, counted)
	}
	if took := metric(t, s, "rowcast_ring_to_frame_seconds_sum"); took <= 0 || took > 10 {
		t.Errorf("it took %v s", took)
	}
	if metric(t, s, "rowcast_query_seconds_count", page) <= read {
		t.Error("the reading is not in the panel's histogram")
	}
	if metric(t, s, "rowcast_database_statements_total") <= asked {
		t.Error("the reading's statements are not counted")
	}
	if n := metric(t, s, "rowcast_sent_bytes_total"); n < 100 {
		t.Errorf("%v bytes are counted of what a viewer was sent", n)
	}
	if n := metric(t, s, "rowcast_resyncs_total") + metric(t, s, "rowcast_slow_viewers"); n != 0 {
		t.Errorf("%v resyncs and slow viewers", n)
	}
	if n := metric(t, s, "rowcast_viewers"); n != 1 {
		t.Errorf("one viewer, %v counted", n)
	}
	if n := metric(t, s, "rowcast_rings_total"); n < 1 || n > float64(inserted) {
		t.Errorf("%d changes, %v rings", inserted, n)
	}
	// What else there is to be told, and what cannot be nothing here.
	for name, least := range map[string]float64{
		"rowcast_pages": 1, "rowcast_subscribers": 1, "rowcast_frames_total": 1, "rowcast_cycles_total": 1, "rowcast_cycle_seconds_count": 1,
		"rowcast_arm_seconds_count": 1, "rowcast_database_seconds_total": 1e-6, "rowcast_database_connects_total": 7, "rowcast_database_sessions": 5,
		"rowcast_database_refusals_total": 0, "rowcast_doorbell_connected": 1, "rowcast_bells_armed": 0, "rowcast_proof_age_seconds": 0,
		"rowcast_unrung_changes_total": 0, "rowcast_ring_bytes": 1, "rowcast_log_lines_dropped_total": 0,
	} {
		if n := metric(t, s, name); n < least {
			t.Errorf("%s is %v", name, n)
		}
	}
}
