package live_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rowcast/rowcast/live"
)

// mood is a table that says what the value 7 does from now on.
const mood = accounts + "CREATE TABLE mood (m int); INSERT INTO mood VALUES (0);"

// quickly reads so many values of the query until each is known to be quick.
func (b *bench) quickly(query string) []*viewer {
	viewers := b.many(200, query)
	all(viewers, "live", isLive)
	for i := range 3 {
		b.exec(fmt.Sprintf("UPDATE a SET v = %d", i))
		all(viewers, "a change", func(v *viewer) bool { return v.number(0) == i })
	}
	return viewers
}

func TestAValueThatEndsTheSessionIsFoundAmongMany(t *testing.T) {
	for how, sql := range map[string]string{
		"by a word":      `SELECT v, $1::int, CASE WHEN $1::int = 7 AND m = 1 THEN pg_terminate_backend(pg_backend_pid()) END FROM a, mood`,
		"without a word": `SELECT v, $1::int, CASE WHEN $1::int = 7 AND m = 1 THEN 'poi' || 'son' END FROM a, mood`,
	} {
		t.Run(how, func(t *testing.T) {
			b := start(t, mood, func(c *live.Config) { c.Slow = 2 * time.Second }) // they come together, whatever else runs here
			viewers := b.quickly(sql)
			word := "poison"
			b.wire.poison.Store(&word)
			b.exec("BEGIN; UPDATE mood SET m = 1; UPDATE a SET v = 9; COMMIT")
			for i, v := range viewers {
				if i == 7 {
					v.until("its error", func() bool { return v.fault("p") != "" })
					continue
				}
				v.until("the change", func() bool {
					if f := v.fault("p"); f != "" {
						t.Fatalf("the value %d says %q for what another one did", i, f)
					}
					return v.number(0) == 9
				})
			}
		})
	}
}

func TestAValueThatTurnsHeavyIsFoundAmongMany(t *testing.T) {
	b := start(t, mood, func(c *live.Config) { c.Slow = time.Second })
	viewers := b.quickly(`SELECT v, $1::int, pg_sleep(CASE WHEN $1::int = 7 THEN m ELSE 0 END) FROM a, mood`)
	b.exec("BEGIN; UPDATE mood SET m = 1; UPDATE a SET v = 9; COMMIT")
	viewers[7].until("its own lane", func() bool { return viewers[7].apart("p") && viewers[7].number(0) == 9 })
	for i, v := range viewers {
		if i == 7 {
			continue
		}
		v.until("the change", func() bool {
			if v.apart("p") {
				t.Fatalf("the value %d is read apart for what another one took", i)
			}
			return v.number(0) == 9
		})
	}
}
