package e2e_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// TestScenes are tests that mostly wait for what a database or a program does on
// its own, so all are played at the same time, on one of the places that tests
// have which run beside each other.
func TestScenes(t *testing.T) {
	t.Parallel()
	all := newCrew(t, 5)
	defer all.wait()
	all.run("another", testTheDatabaseIsAnother)
	all.run("bells", testWhatRingsNoBell)
	all.run("proxies", testProxiesThatCutWhatIsSilent)
	all.run("replaced", testWhatIsReplaced)
	all.run("standby", testAStandbyIsPromotedAndRestored)
}

// scene is the program with a viewer on each of some pages, for tests of one
// thing after the other: what a page shows and says is waited for.
type scene struct {
	testing.TB
	server *process
	views  map[string]*viewer
	said   map[string]*record // by each of them
	late   *lateness          // of the machine, which is forgiven
}

// as is the same scene for another test, which plays at the same time.
func (s *scene) as(tb testing.TB) *scene {
	other := *s
	other.TB = tb
	return &other
}

// newScene starts the program on a database and opens every dashboard, given as
// its name and its panels, beside the pages of further addresses.
func newScene(tb testing.TB, database string, panels map[string][]question, further []string, args ...string) *scene {
	tb.Helper()
	files, pages := map[string]string{}, slices.Clone(further)
	for name, asked := range panels {
		files[name+".yaml"] = yaml(name, asked...)
		pages = append(pages, "/d/"+name)
	}
	args = append([]string{"serve", "--database-url", database, "--listen", "127.0.0.1:0", "--dashboards", dashboards(tb, files)}, args...)
	s := &scene{TB: tb, server: start(tb, binary(tb), nil, args...), views: map[string]*viewer{}, said: map[string]*record{}, late: newLateness()}
	ctx, leave := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() { s.late.run(ctx) })
	for _, page := range pages {
		v := newViewer(s.server.URL, page)
		said := &record{}
		v.said = said.heard
		s.views[page], s.said[page] = v, said
		looking.Go(func() {
			for ctx.Err() == nil {
				var broken violation
				if err := v.visit(ctx, v.cursor(), nil); errors.As(err, &broken) {
					tb.Errorf("%s: %v", page, err)
					return
				}
				sleep(ctx, 50*time.Millisecond)
			}
		})
	}
	tb.Cleanup(func() { leave(); looking.Wait() })
	return s
}

// cursor is that of what is shown; "" of nothing.
func (v *viewer) cursor() string {
	screen, _, _ := v.now()
	if screen == nil {
		return ""
	}
	return screen.Cursor
}

// soon waits until the page is as told, for so long at most and what the machine was
// late, and says how long it took.
func (s *scene) soon(page, what string, limit time.Duration, ok func(*delta.State, *delta.Status) bool) time.Duration {
	s.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit+mostForgiven)
	defer cancel()
	err := s.views[page].until(ctx, ok)
	if took := time.Since(began); err != nil || took > limit+s.late.since(began) {
		screen, status, _ := s.views[page].now()
		shown := "nothing"
		if screen != nil {
			shown = string(delta.EncodeSnapshot(screen))
		}
		s.Fatalf("%s: %s: not within %s, but %s; it says %+v and shows %.600s", page, what, limit, took, status, shown)
	}
	return time.Since(began)
}

// never checks that the page did not say since then that it is in this state.
func (s *scene) never(page, state string, since time.Time) {
	s.Helper()
	instants, _ := s.said[page].all()
	for _, m := range instants {
		if m.claim && m.at.After(since) && m.status.State == state {
			s.Errorf("%s was called %s at %s, as of %s", page, state, m.at.Format(time.StampMilli), m.status.At.Format(time.StampMilli))
		}
	}
}

// showing tells whether the panel's first column holds these texts, in any order.
func showing(id string, texts ...string) func(*delta.State, *delta.Status) bool {
	want := slices.Sorted(slices.Values(texts))
	return func(screen *delta.State, _ *delta.Status) bool {
		p := screen.Panels[id]
		if p == nil || p.Err != nil {
			return false
		}
		got := make([]string, 0, len(p.Rows))
		for _, row := range p.Rows {
			got = append(got, row.Cells[0].Text)
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	}
}

// saying tells whether the page says that it is in this state, with this in its
// reason or its message.
func saying(state, why string) func(*delta.State, *delta.Status) bool {
	return func(_ *delta.State, status *delta.Status) bool {
		return status.State == state && strings.Contains(status.Reason+" "+status.Message, why)
	}
}

// both tells whether both hold.
func both(one, two func(*delta.State, *delta.Status) bool) func(*delta.State, *delta.Status) bool {
	return func(screen *delta.State, status *delta.Status) bool {
		return one(screen, status) && two(screen, status)
	}
}
