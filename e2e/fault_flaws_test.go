package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// story is a page of the till as somebody saw it, made up: two writes, each
// shown and called live, and a line that was lost in between. Times are
// milliseconds.
type story struct {
	*sight
	now time.Time
}

func at(ms int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(ms)) }

func newStory() *story {
	d := newDiary()
	s := &story{now: at(3600), sight: &sight{viewer: newViewer("", "/d/till"), asked: []question{{id: "till"}}, written: tillOf(d)}}
	d.did(edit{mark: 1, began: at(5), acked: at(10)})
	s.frame(20, 15, "e:1", 1)
	s.says(25, "live", 15)
	d.did(edit{mark: 2, began: at(1000), acked: at(1010)})
	s.frame(1030, 1020, "e:2", 2)
	s.says(1040, "live", 1020)
	s.instants = append(s.instants, instant{at: at(3000), screen: s.last().screen})
	s.frame(3100, 1020, "e:2", 2)
	s.says(3110, "live", 3105)
	s.calmly(calm{from: at(1500), until: at(3500), want: s.written.holds(2)})
	return s
}

func (s *story) last() instant {
	if len(s.instants) == 0 {
		return instant{}
	}
	return s.instants[len(s.instants)-1]
}

// frame is one that came then, was read earlier, and shows this write.
func (s *story) frame(came, read int, cursor string, mark uint64) {
	panels := map[string]*delta.Panel{}
	for id, rows := range s.written.holds(mark) {
		panels[id] = &delta.Panel{}
		for i, cells := range rows {
			panels[id].Rows = append(panels[id].Rows, delta.Row{Key: fmt.Sprint(i), Cells: cells})
		}
	}
	screen := &delta.State{Page: s.page, Cursor: cursor, At: at(read), Panels: panels}
	s.instants = append(s.instants, instant{at: at(came), screen: screen, status: s.last().status, frame: true})
}

// says is a status that came then.
func (s *story) says(came int, state string, as int) {
	status := &delta.Status{State: state, At: at(as)}
	s.instants = append(s.instants, instant{at: at(came), screen: s.last().screen, status: status, claim: true})
}

// verdict is what the judge says of it.
func (s *story) verdict(limit time.Duration) []string {
	return s.judged(s.written.all(), s.now, false, func(edit) time.Duration { return limit })
}

// TestArenaJudgeSees tells the judge of the faults' suite what is true, to which
// it has nothing to say, and each thing that it is there for.
func TestArenaJudgeSees(t *testing.T) {
	t.Parallel()
	cut := func(s *story, from int) { s.instants = s.instants[:from] } // before that instant
	for _, lie := range []struct {
		charge string // "" where it is none
		tell   func(*story)
	}{
		{"", func(*story) {}},
		{"went back from write 2 to 1", func(s *story) { s.frame(3200, 3150, "f:1", 1) }},
		{"went back from", func(s *story) { s.frame(3200, 1015, "f:1", 2) }},
		{"went back from e:2 to e:1", func(s *story) { s.frame(3200, 3150, "e:1", 2) }},
		{"shows write 3, which was not committed", func(s *story) { s.frame(3200, 3150, "e:3", 3) }},
		{"", func(s *story) { s.written.tries(); s.calms = nil; s.frame(3200, 3150, "e:3", 3) }}, // it may be
		{"shows write 2, which was not committed", func(s *story) { s.written.tookBack(2) }},
		{"shows write 2, which was not committed", func(s *story) { s.written.edits[1].began = at(2000) }},
		{"is not what write 1 left", func(s *story) { s.instants[0].screen.Panels["till"].Rows[0].Cells[0].Text = "1" }}, // one row beside another
		{"shows what nobody wrote", func(s *story) { s.last().screen.Panels["till"].Rows[0].Cells[0].Text = "x" }},
		{"lacks write 2", func(s *story) { cut(s, 2); s.frame(1030, 1020, "e:2", 1) }},
		{"without write 2", func(s *story) { cut(s, 2); s.says(1040, "live", 1020) }},
		{"", func(s *story) { cut(s, 2); s.says(1040, "live", 1005) }},
		{"", func(s *story) { cut(s, 2); s.says(1040, "stale", 1020) }},
		{"called live 3.09s after write 2, without it", func(s *story) { cut(s, 2); s.now = at(4100) }},
		{"", func(s *story) { cut(s, 2); s.now = at(3900) }},
		{"", func(s *story) { cut(s, 2); s.says(3900, "stale", 15); s.now = at(9000) }},
		{"", func(s *story) {
			cut(s, 2)
			s.instants = append(s.instants, instant{at: at(3900), screen: s.last().screen})
			s.now = at(9000)
		}},
		{"is not what there is", func(s *story) { s.calms[0].want = s.written.holds(3) }},
		{"is not what there is", func(s *story) {
			s.calms[0].want = s.written.holds(3)
			cut(s, 4)
			s.frame(1700, 1600, "e:3", 2)
		}},
	} {
		s := newStory()
		lie.tell(s)
		got := s.verdict(staleWithin)
		if lie.charge == "" && len(got) > 0 || lie.charge != "" && !strings.Contains(strings.Join(got, "\n"), lie.charge) {
			t.Errorf("want %q, the judge says %q", lie.charge, got)
		}
	}
	s := newStory()
	cut(s, 2)
	s.now = at(8000)
	if got := s.verdict(silentWithin); len(got) > 0 {
		t.Errorf("on a line that is silent for seven seconds: %q", got)
	}
}

// TestArenaJudgeSeesTornPages is the same for a page of several panels.
func TestArenaJudgeSeesTornPages(t *testing.T) {
	t.Parallel()
	asked := wants()["/d/gallery"]
	for _, lie := range []struct {
		charge string
		tell   func(panels map[string]*delta.Panel)
	}{
		{"", func(map[string]*delta.Panel) {}},
		{"beside others", func(p map[string]*delta.Panel) { p["loud"].Rows[0].Cells[1].Text = "PICTURE 1 V6" }},
		{"beside others", func(p map[string]*delta.Panel) { p["parts"].Rows[0].Cells[2].Text = "1006" }},
		{"is not what write 7 left", func(p map[string]*delta.Panel) { p["parts"].Rows[1].Cells[2].Text = "1006" }},
		{"is not what write 7 left: row 4", func(p map[string]*delta.Panel) { p["glance"].Rows[4].Cells[1].Text = "?" }},
		{"is not what write 7 left: 19 rows", func(p map[string]*delta.Panel) { p["loud"].Rows = p["loud"].Rows[:19] }},
		{"what nobody wrote", func(p map[string]*delta.Panel) { p["glance"].Rows[0].Cells[1].Text = "picture 1 v7!" }},
		{"", func(p map[string]*delta.Panel) { p["glance"] = &delta.Panel{Err: &delta.Error{Code: "table_gone"}} }},
	} {
		s := &story{sight: &sight{viewer: newViewer("", "/d/gallery"), written: galleryOf(newDiary())}}
		s.frame(20, 15, "e:1", 7)
		lie.tell(s.last().screen.Panels)
		_, _, err := s.written.shows(asked, s.last().screen)
		if lie.charge == "" && err != nil || lie.charge != "" && (err == nil || !strings.Contains(err.Error(), lie.charge)) {
			t.Errorf("want %q, got %v", lie.charge, err)
		}
	}
}

// TestArenaJudgeSeesWhoStaysLive tells of a fault from 2 s to 8 s.
func TestArenaJudgeSeesWhoStaysLive(t *testing.T) {
	t.Parallel()
	never := func(time.Time, time.Time) time.Duration { return 0 }
	for _, lie := range []struct {
		charge string
		fault  trouble
		tell   func(*story)
	}{
		{"", trouble{}, func(s *story) { s.says(4900, "stale", 3105) }},
		{"", trouble{}, func(s *story) { s.instants = s.instants[:4]; s.says(1900, "stale", 1020) }},
		{"was called live in all of the 6s", trouble{}, func(s *story) { s.says(8100, "stale", 3105) }},
		{"was called live up to 3.2s", trouble{}, func(s *story) { s.says(5200, "stale", 3105) }},
		{"", trouble{within: 4 * time.Second}, func(s *story) { s.says(5200, "stale", 3105) }},
		{"was called live again 4s after the fault, which lasted 6s; 2.9s after it it said stale", trouble{}, func(s *story) { s.says(4900, "stale", 3105); s.says(6000, "live", 5900); s.says(6100, "stale", 5900) }},
		{"", trouble{mended: func(*arena) bool { return false }}, func(s *story) { s.says(4900, "stale", 3105); s.says(6000, "live", 5900) }},
	} {
		s := newStory()
		lie.tell(s)
		slices.SortStableFunc(s.instants, func(a, b instant) int { return a.at.Compare(b.at) })
		_, got := staleness([]*sight{s.sight}, lie.fault, at(2000), at(8000), never)
		if lie.charge == "" && len(got) > 0 || lie.charge != "" && !strings.Contains(strings.Join(got, "\n"), lie.charge) {
			t.Errorf("want %q, the judge says %q", lie.charge, got)
		}
	}
}

// TestArenaJudgeSeesWhatIsDoneToOthers: writes that fail or wait, and what is
// left behind.
func TestArenaJudgeSeesWhatIsDoneToOthers(t *testing.T) {
	t.Parallel()
	never := func(time.Time, time.Time) time.Duration { return 0 }
	always := func(time.Time, time.Time) time.Duration { return mostForgiven }
	one := func(took time.Duration, err error) []write { return []write{{began: at(0), took: took, err: err}} }
	for _, c := range []struct {
		watched, others []write
		late            func(time.Time, time.Time) time.Duration
		charges         int
	}{
		{one(200*time.Millisecond, nil), nil, never, 0},
		{one(time.Millisecond, errors.New("refused")), nil, never, 1},
		{one(260*time.Millisecond, nil), nil, never, 1},
		{one(700*time.Millisecond, nil), one(500*time.Millisecond, nil), never, 0},
		{one(800*time.Millisecond, nil), one(500*time.Millisecond, nil), never, 1},
		{one(700*time.Millisecond, nil), nil, always, 0},
		{one(800*time.Millisecond, nil), nil, always, 1},
		{[]write{{began: at(0), took: 700 * time.Millisecond, ready: 450 * time.Millisecond}}, nil, never, 0},
		{[]write{{began: at(0), took: 700 * time.Millisecond, ready: 440 * time.Millisecond}}, nil, never, 1},
		{[]write{{began: at(0), took: 800 * time.Millisecond, ready: 700 * time.Millisecond}}, nil, never, 1},
	} {
		if got := hindered(c.watched, c.others, c.late); len(got) != c.charges {
			t.Errorf("of %v beside %v the judge says %q", c.watched, c.others, got)
		}
	}
	l := newLateness()
	l.beats = []write{{began: at(0), took: time.Second}, {began: at(2000), took: 3 * time.Second}}
	for _, c := range []struct {
		from, to int
		want     time.Duration
	}{{0, 10000, mostForgiven}, {0, 500, 500 * time.Millisecond}, {900, 2100, 200 * time.Millisecond}, {1000, 2000, 0}, {6000, 7000, 0}} {
		if got := l.between(at(c.from), at(c.to)); got != c.want {
			t.Errorf("between %d and %d ms %s are forgiven, want %s", c.from, c.to, got, c.want)
		}
	}
	before := map[string]float64{"go_goroutines": 100, apart: 40, "process_open_fds": 50, "process_resident_memory_bytes": 80 << 20, lives: 20 << 20, "rowcast_subscribers": 11, "rowcast_pages": 8}
	for name, most := range map[string][2]float64{ // afterwards, meanwhile
		"go_goroutines":                 {103, 200},
		apart:                           {43, 0},
		"process_open_fds":              {0, 150},
		"process_resident_memory_bytes": {128 << 20, 420 << 20},
		lives:                           {40 << 20, 0},
		"rowcast_pages":                 {8, 18},
	} {
		if raceDetector && strings.HasSuffix(name, "_bytes") {
			continue
		}
		once := func(before, now map[string]float64) string { return leaks(before, now, 1) }
		for i, judge := range []func(before, now map[string]float64) string{once, swells} {
			allowed, tooMuch := judge(before, map[string]float64{name: most[i]}), judge(before, map[string]float64{name: most[i] + 1})
			if most[i] > 0 && (allowed != "" || tooMuch == "") {
				t.Errorf("%s of %.0f: %q, and of one more: %q", name, most[i], allowed, tooMuch)
			}
		}
	}
	if leaks(before, map[string]float64{"rowcast_subscribers": 12}, 2) == "" {
		t.Error("a subscriber may stay")
	}
}

// TestArenaJudgeComparesPagesBeside: a table's page is compared with the log by
// the page that was read with it.
func TestArenaJudgeComparesPagesBeside(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, oracleSchema)
	const page = "/t/public.acct?rows=2"
	asked := []question{{id: "rows", query: `SELECT id, v FROM acct ORDER BY id LIMIT 2`}}
	conn := db.Conn(t)
	if _, err := conn.PgConn().Exec(t.Context(), shadowSchema).ReadAll(); err != nil {
		t.Fatal(err)
	}
	text := ""
	if err := conn.QueryRow(t.Context(), `UPDATE public.acct SET v = 7 WHERE id = 2 RETURNING pg_current_snapshot()::text`).Scan(&text); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		second           string
		read             int
		charges, matched int
	}{
		{"1000", 50, 0, 1}, // the snapshot is from before the write
		{"7", 50, 1, 1},
		{"7", 51, 0, 0}, // read apart
	} {
		j := newJudge()
		j.beside = []string{page}
		j.asked = func(p string) []question {
			if p == page {
				return asked
			}
			return []question{cut}
		}
		frame := &delta.Message{Type: delta.TypeSnapshot}
		named := &delta.Panel{Rows: []delta.Row{{Key: "1", Cells: textRow(text, 120, 120000)}}}
		rows := &delta.Panel{Rows: []delta.Row{{Key: "1", Cells: textRow(1, 1000)}, {Key: "2", Cells: textRow(2, c.second)}}}
		j.witness(frame, &delta.State{Page: "/d/cut", Cursor: "e:1", At: at(50), Panels: map[string]*delta.Panel{cut.id: named}})
		j.witness(frame, &delta.State{Page: page, Cursor: "f:1", At: at(c.read), Panels: map[string]*delta.Panel{"rows": rows}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := j.work(ctx, conn); err != nil {
			t.Fatal(err)
		}
		if err := j.companions(conn); err != nil {
			t.Fatal(err)
		}
		if got := j.verdict(); len(got) != c.charges || int(j.matched.Load()) != c.matched {
			t.Errorf("%+v: the judge compared %d and says %q", c, j.matched.Load(), got)
		}
	}
}

// TestArenaJudgeHoldsClaimsAgainstWhatThereWas tells of a page that tells nothing of
// its commits: it was read at 15 ms, and other rows are there from 1,005 to 1,010 ms on.
func TestArenaJudgeHoldsClaimsAgainstWhatThereWas(t *testing.T) {
	t.Parallel()
	others := func(s *story, ms int, word string) {
		s.chronicle.add("stage", answer{began: at(ms), ended: at(ms + 5), rows: [][]delta.Cell{textRow(1, word)}, gone: word == ""})
	}
	for _, lie := range []struct {
		charge string
		unrung bool
		tell   func(*story)
	}{
		{"", false, func(s *story) { s.says(1200, "live", 1005) }},
		{"", false, func(s *story) { s.says(1200, "stale", 1100) }},
		{"live as of", false, func(s *story) { s.says(1200, "live", 1100) }},
		{"row 0 is [{1 false} {old false}] for [{1 false} {new false}]", false, func(s *story) { s.says(1200, "live", 1100) }},
		{"", true, func(s *story) { s.says(1200, "live", 1100) }},
		{"called live for 3.09s", false, func(s *story) { s.says(900, "live", 900); s.now = at(4100) }},
		{"called live for 3.09s", true, func(s *story) { s.says(900, "live", 900); s.now = at(4100) }},
		{"", false, func(s *story) { s.says(900, "live", 900); s.says(3900, "stale", 900); s.now = at(9000) }},
		{"", false, func(s *story) { others(s, 1150, "old"); s.says(1200, "live", 1100) }}, // it was so again
		{"live as of", false, func(s *story) { others(s, 1150, ""); s.says(1200, "live", 1100) }},
		{"there is none", false, func(s *story) {
			s.chronicle.answers["stage"] = s.chronicle.answers["stage"][:2]
			others(s, 1005, "")
			s.says(1200, "live", 1100)
		}},
		{"", false, func(s *story) {
			s.last().screen.Panels["stage"].At = at(15) // at its own pace
			s.says(1200, "live", 1100)
		}},
		{"", false, func(s *story) {
			s.last().screen.Panels["stage"] = &delta.Panel{Err: &delta.Error{Code: "table_gone"}}
			s.says(1200, "live", 1100)
		}},
		{"0 rows for 1", false, func(s *story) { s.last().screen.Panels["stage"].Rows = nil; s.says(1200, "live", 1100) }},
		{"", false, func(s *story) {
			s.restless, s.last().screen.Panels["stage"].Rows = true, nil
			s.says(1200, "live", 1100)
		}},
	} {
		s := &story{now: at(1300), sight: &sight{viewer: newViewer("", "/d/stage"), asked: []question{{id: "stage"}}, chronicle: &chronicle{}}}
		for _, ms := range []int{10, 900} {
			others(s, ms, "old")
		}
		for _, ms := range []int{1005, 1060, 1110, 1160} {
			others(s, ms, "new")
		}
		panel := &delta.Panel{Rows: []delta.Row{{Key: "1", Cells: textRow(1, "old")}}}
		s.instants = []instant{{at: at(20), screen: &delta.State{Page: s.page, Cursor: "e:1", At: at(15), Panels: map[string]*delta.Panel{"stage": panel}}, frame: true}}
		lie.tell(s)
		got := s.judged(nil, s.now, lie.unrung, func(edit) time.Duration { return staleWithin })
		if lie.charge == "" && len(got) > 0 || lie.charge != "" && !strings.Contains(strings.Join(got, "\n"), lie.charge) {
			t.Errorf("want %q, the judge says %q", lie.charge, got)
		}
	}
}
