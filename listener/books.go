package listener

import (
	"sync"
	"time"
)

// books is what this server knows of its locks. An entry exists exactly while the arming session holds the
// bell's key or may hold it, so a key with an entry is never asked for.
type books struct {
	wake chan struct{} // something is to be released

	mu      sync.Mutex // guards all below
	bells   map[int64]*entry
	habits  map[int64]habit // of bells that are hard to arm
	last    uint64          // the newest generation
	current *session
	status  State
	watched bool
	rings   uint64        // heard so far
	notice  time.Duration // see [Listener.Notice]
}

type entry struct {
	generation uint64    // 0: being asked for, or to be released
	asking     bool      // rowcast.arm runs for it
	unwanted   bool      // disarmed while asking
	since      time.Time // armed since
	kept       time.Time // it rang, and its key is not given back before; zero: at once
}

// habit is what is known of a bell that rings at once or is held by writers all the time.
type habit struct {
	hurried int       // how often running it rang sooner than after quietFor
	rest    time.Time // it is not asked for before
	noWait  time.Time // nor waited for before
}

// A bell that slept for quietFor before it rang is likely to be armed again at once: its key is kept for
// keepFor, in which the few who write ring. On a busy table the key is given back at the ring, because there
// every writer would.
const (
	quietFor = 45 * time.Millisecond
	keepFor  = 5 * time.Millisecond
)

// A bell that rang at once hurriedTimes running hangs on a table that is written without a pause. Whoever
// writes while its key is asked for, and until it is given back, has to ring, one after the other, and tells
// us nothing: the table's pages are read as often as they may. So it is let rest between two tries. Where
// a key was waited for in vain, some transaction is open for longer, and all others ring during the wait.
const (
	hurriedTimes = 8
	restFor      = 250 * time.Millisecond
	noWaitFor    = time.Second
)

func newBooks() *books {
	return &books{
		wake:   make(chan struct{}, 1),
		bells:  make(map[int64]*entry),
		habits: make(map[int64]habit),
		status: State{Reason: "starting", Message: "not connected yet"},
	}
}

func (b *books) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *books) connected(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.bells)
	clear(b.habits)
	b.current, b.notice = s, 0
	b.status = State{Connected: true, Slot: s.slot, Slots: s.slots, Cap: s.cap, Muted: s.muted, Reason: s.blocked.reason, Message: s.blocked.message}
}

// lost ends every generation: the locks went, or are going, with their session.
func (b *books) lost(f failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.bells)
	b.current = nil
	b.status = State{Reason: f.reason, Message: f.message}
}

// ended forgets what was entered for a pair between its loss and its end.
func (b *books) ended(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.bells)
	if b.current == s {
		b.current = nil
		b.status = State{Reason: "database_unreachable", Message: "stopped"}
	}
}

func (b *books) session() *session {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current
}

func (b *books) state() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.status
	state.Rings = b.rings
	for _, e := range b.bells {
		if e.generation != 0 {
			state.Armed++
		}
	}
	return state
}

func (b *books) setStatus(s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Slot, b.status.Slots, b.status.Muted = s.slot, s.slots, s.muted
	b.status.Reason, b.status.Message = s.blocked.reason, s.blocked.message
}

func (b *books) noticed(after time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notice = after
}

func (b *books) lastNotice() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.notice
}

func (b *books) setWatched(on bool) (turnedOn bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	turnedOn = on && !b.watched
	b.watched = on
	return turnedOn
}

func (b *books) isWatched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.watched
}

func (b *books) generation(bell int64) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.bells[bell]; e != nil {
		return e.generation
	}
	return 0
}

func (b *books) generations(bells []int64) map[int64]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	armed := make(map[int64]uint64, len(bells))
	for _, bell := range bells {
		if e := b.bells[bell]; e != nil && e.generation != 0 {
			armed[bell] = e.generation
		}
	}
	return armed
}

func (b *books) allArmed(bells []int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bell := range bells {
		if e := b.bells[bell]; e == nil || e.generation == 0 {
			return false
		}
	}
	return true
}

// disarm ends generations at once and asks for the locks' release.
func (b *books) disarm(bells []int64) {
	b.mu.Lock()
	for _, bell := range bells {
		b.end(b.bells[bell])
		delete(b.habits, bell)
	}
	b.mu.Unlock()
	b.signal()
}

func (b *books) disarmAll() {
	b.mu.Lock()
	for _, e := range b.bells {
		b.end(e)
	}
	b.mu.Unlock()
	b.signal()
}

func (b *books) end(e *entry) {
	switch {
	case e == nil:
	case e.asking:
		e.unwanted = true
	default:
		e.generation, e.kept = 0, time.Time{}
	}
}

// rang ends the bell's generation. A ring that comes while its key is asked for is of a write before the
// generation that may follow, and the handler hears of it before that generation is used.
func (b *books) rang(bell int64) {
	b.mu.Lock()
	b.rings++
	e := b.bells[bell]
	ends := e != nil && e.generation != 0
	if ends {
		e.generation = 0
		now := time.Now()
		if now.Sub(e.since) >= quietFor {
			delete(b.habits, bell)
			e.kept = now.Add(keepFor)
			time.AfterFunc(keepFor, b.signal)
		} else {
			h := b.habits[bell]
			if h.hurried++; h.hurried >= hurriedTimes {
				h.rest = now.Add(restFor)
			}
			b.habits[bell] = h
		}
	}
	b.mu.Unlock()
	if ends {
		b.signal()
	}
}

// ask enters those of bells that may be asked for, no more than fit under the cap.
func (b *books) ask(bells []int64, limit int) (asked []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bell := range bells {
		if bell <= 0 || bell >= bellLimit || bell == reserved || b.bells[bell] != nil {
			b.renew(b.bells[bell])
			continue
		}
		if time.Now().Before(b.habits[bell].rest) {
			continue
		}
		if len(b.bells) >= limit {
			break
		}
		b.bells[bell] = &entry{asking: true}
		asked = append(asked, bell)
	}
	return asked
}

// renew gives a bell that rang, and whose key is still held, its next generation: every writer since the
// ring rang as well, so it is as good as armed anew, without a word to the database.
func (b *books) renew(e *entry) {
	if e == nil || e.generation != 0 || e.asking || e.kept.IsZero() {
		return
	}
	e.kept = time.Time{}
	b.last++
	e.generation, e.since = b.last, time.Now()
}

// worth are those of bells that may be waited for: the last wait was not in vain, or is long ago.
func (b *books) worth(bells []int64) (some []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bell := range bells {
		if !time.Now().Before(b.habits[bell].noWait) {
			some = append(some, bell)
		}
	}
	return some
}

// waited notes which bells were waited for, and which of them not in vain.
func (b *books) waited(bells []int64, held map[int64]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bell := range bells {
		h := b.habits[bell]
		if !held[bell] {
			h.noWait = time.Now().Add(noWaitFor)
			b.habits[bell] = h
		}
	}
}

// granted closes what ask opened: the held ones get a generation, the others leave the books.
func (b *books) granted(asked []int64, held map[int64]bool) {
	b.mu.Lock()
	release := false
	for _, bell := range asked {
		e := b.bells[bell]
		switch {
		case e == nil: // lost meanwhile
		case !held[bell]:
			delete(b.bells, bell)
		default:
			e.asking = false
			if e.unwanted {
				release = true
				break
			}
			b.last++
			e.generation, e.since = b.last, time.Now()
		}
	}
	b.mu.Unlock()
	if release {
		b.signal()
	}
}

// releases lists the bells whose locks are to be given back.
func (b *books) releases() (bells []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for bell, e := range b.bells {
		if e.generation == 0 && !e.asking && !time.Now().Before(e.kept) {
			e.kept = time.Time{} // from here on it is on its way out
			bells = append(bells, bell)
		}
	}
	return bells
}

func (b *books) released(bells []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, bell := range bells {
		delete(b.bells, bell)
	}
}
