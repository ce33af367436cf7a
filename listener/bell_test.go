package listener_test

import (
	"testing"
	"time"
)

func TestRingAndSilence(t *testing.T) {
	url := database(t)
	install(t, url)
	conn := connect(t, url)
	exec(t, conn, `CREATE TABLE a (v int)`)
	bell := watch(t, conn, "a")
	r := start(t, url)

	from := r.len()
	exec(t, conn, `INSERT INTO a VALUES (1)`)
	first := r.arm(t, bell)
	if n := r.count("rang", from); n != 0 {
		t.Fatalf("%d rings while nobody was armed", n)
	}
	exec(t, conn, `INSERT INTO a VALUES (2)`)
	r.wait(t, from, "ring", rings(bell))
	if g := r.Generation(bell); g != 0 {
		t.Fatalf("generation %d after the ring, want 0", g)
	}
	if second := r.arm(t, bell); second <= first {
		t.Fatalf("generation %d came after %d", second, first)
	}
}

func TestPingProves(t *testing.T) {
	url := database(t)
	install(t, url)
	r := start(t, url)
	conn := connect(t, url)
	var before, after time.Time
	if err := conn.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, `NOTIFY rowcast, 'ping 2001-01-01T00:00:00.5Z'`)
	r.Watched(true)
	e := r.wait(t, 0, "proof", is("proved"))
	if err := conn.QueryRow(t.Context(), `SELECT clock_timestamp()`).Scan(&after); err != nil {
		t.Fatal(err)
	}
	if e.at.Before(before) || e.at.After(after) {
		t.Fatalf("proved at %v, want between %v and %v", e.at, before, after)
	}
}
