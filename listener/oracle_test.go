package listener_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const writers = 4

// mirror is the smallest engine: it reads the table after arming, and only when it was told to or is unarmed.
type mirror struct {
	*recorder
	r     *running
	bell  int64
	dirty chan struct{} // holds one where the table is to be read
	news  chan struct{} // holds one where it was read, or a proof came
	t     *testing.T

	mu        sync.Mutex
	seen      [writers]int // by the last snapshot
	armed     uint64       // the generation under which it was taken; 0: none
	committed [writers][]commit
	proofs    int
}

// commit is a counter's value, and a moment of the database's clock at which it had been committed.
type commit struct {
	value int
	by    time.Time
}

func touch(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (m *mirror) Rang(int64)                  { touch(m.dirty) }
func (m *mirror) Reset()                      { m.recorder.Reset(); touch(m.dirty) }
func (m *mirror) Lost(reason, message string) { touch(m.dirty) }

// Proved checks the claim: all that had committed before at is in the snapshot.
func (m *mirror) Proved(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.armed == 0 || m.r.Generation(m.bell) != m.armed {
		return
	}
	m.proofs++
	touch(m.news)
	for w, history := range m.committed {
		for _, c := range history {
			if c.by.Before(at) && c.value > m.seen[w] {
				m.t.Errorf("proved at %v without counter %d = %d of %v: the snapshot has %d", at, w, c.value, c.by, m.seen[w])
			}
		}
	}
}

func (m *mirror) run(ctx context.Context, conn *pgx.Conn) {
	for ctx.Err() == nil {
		generation := m.r.Arm(ctx, []int64{m.bell})[m.bell]
		rows, err := conn.Query(context.WithoutCancel(ctx), `SELECT v FROM c ORDER BY id`)
		if err != nil {
			m.t.Error(err)
			return
		}
		values, err := pgx.CollectRows(rows, pgx.RowTo[int])
		if err != nil {
			m.t.Error(err)
			return
		}
		m.mu.Lock()
		copy(m.seen[:], values)
		m.armed = generation
		m.mu.Unlock()
		touch(m.news)
		var unarmed <-chan time.Time
		if generation == 0 {
			unarmed = time.After(20 * time.Millisecond)
		}
		select {
		case <-m.dirty:
		case <-unarmed:
		case <-ctx.Done():
		}
	}
}

func (m *mirror) write(conn *pgx.Conn, w int, random *rand.Rand) error {
	ctx := context.Background()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	var value int
	if err := tx.QueryRow(ctx, `UPDATE c SET v = v + 1 WHERE id = $1 RETURNING v`, w).Scan(&value); err != nil {
		return err
	}
	time.Sleep(time.Duration(random.IntN(8)) * time.Millisecond) // a transaction that takes its time
	if random.IntN(5) == 0 {
		return tx.Rollback(ctx)
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	var by time.Time
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&by); err != nil {
		return err
	}
	m.mu.Lock()
	m.committed[w] = append(m.committed[w], commit{value, by})
	m.mu.Unlock()
	return nil
}

// Whatever is written, and whichever of our sessions is killed, the mirror is right soon after each burst, and
// every proof it is given holds. Each round ends in silence, so that a lost ring has nothing to hide behind.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	url := database(t)
	install(t, url)
	admin := connect(t, url)
	run(t, admin, `CREATE TABLE c (id int PRIMARY KEY, v int NOT NULL)`, `INSERT INTO c SELECT n, 0 FROM generate_series(0, 3) n`)
	bell := watch(t, admin, "c")

	m := &mirror{recorder: newRecorder(), bell: bell, dirty: make(chan struct{}, 1), news: make(chan struct{}, 1), t: t}
	launchWith(t, url, m)
	m.wait(t, 0, "reset", is("reset"))
	m.r.Watched(true)
	ctx, cancel := context.WithCancel(context.Background())
	var mirroring sync.WaitGroup
	reader := connect(t, url)
	mirroring.Go(func() { m.run(ctx, reader) })
	defer mirroring.Wait()
	defer cancel()

	var conns [writers]*pgx.Conn
	for w := range conns {
		conns[w] = connect(t, url)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	rounds := 12
	for round := range rounds {
		var writing sync.WaitGroup
		for w := range writers {
			own := rand.New(rand.NewPCG(seed, uint64(round*writers+w+1)))
			writing.Go(func() {
				for range own.IntN(25) {
					if err := m.write(conns[w], w, own); err != nil {
						t.Errorf("seed %d: %v", seed, err)
						return
					}
				}
			})
		}
		if role := []string{"arm", "listen", ""}[random.IntN(3)]; role != "" {
			time.Sleep(time.Duration(random.IntN(60)) * time.Millisecond)
			run(t, admin, terminate+`'rowcast/`+role+`'`)
		}
		writing.Wait()
		if err := m.write(conns[0], 0, random); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		m.settle(t, admin, seed, round)
		if round%3 == 0 {
			m.prove(t)
		}
	}
}

// prove waits for one more proof that counts.
func (m *mirror) prove(t *testing.T) {
	t.Helper()
	proofs := func() int {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.proofs
	}
	before := proofs()
	if !m.await(func() bool { return proofs() > before }) {
		t.Fatal("no proof came for a quiet table")
	}
}

// settle waits until the mirror shows the truth.
func (m *mirror) settle(t *testing.T, admin *pgx.Conn, seed uint64, round int) {
	t.Helper()
	var truth, seen [writers]int
	rows, err := admin.Query(t.Context(), `SELECT v FROM c ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	copy(truth[:], values)
	right := m.await(func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		seen = m.seen
		return seen == truth
	})
	if !right {
		t.Fatalf("seed %d, round %d: the mirror shows %v, the table holds %v", seed, round, seen, truth)
	}
}

// await waits for news until it is so, for five seconds.
func (m *mirror) await(so func() bool) bool {
	deadline := time.After(5 * time.Second)
	for !so() {
		select {
		case <-m.news:
		case <-deadline:
			return false
		}
	}
	return true
}
