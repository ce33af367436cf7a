package e2e_test

import (
	"context"

	"github.com/rowcast/rowcast/delta"
)

// shown is a trouble whose change has to be seen, while it lasts, by who looks at
// that page: of a change that nobody reads again all pages are right afterwards,
// too.
func shown(page string, f trouble, is func(screen *delta.State) bool) trouble {
	inject := f.inject
	f.inject = func(a *arena) func() {
		heal := inject(a)
		ctx, cancel := context.WithTimeout(a.Context(), rightWithin+a.lateness.since(a.began))
		defer cancel()
		for _, s := range a.of([]string{page}) {
			if err := s.until(ctx, func(screen *delta.State, _ *delta.Status) bool { return is(screen) }); err != nil {
				screen, _, _ := s.now()
				a.Errorf("%s does not show its change: %.500s", s.page, delta.EncodeSnapshot(screen))
			}
		}
		return heal
	}
	return f
}

// failed tells whether a panel says that it cannot be read, and shows nothing old
// beside that.
func failed(panel string) func(*delta.State) bool {
	return func(screen *delta.State) bool { return screen.Panels[panel] != nil && screen.Panels[panel].Err != nil }
}

// typed tells whether all rows of a panel have a column of that name and type that
// holds this; "" for NULL.
func typed(screen *delta.State, panel, name, typ, text string) bool {
	p := screen.Panels[panel]
	if p == nil || p.Err != nil || len(p.Rows) == 0 {
		return false
	}
	for i, c := range p.Columns {
		if c.Name != name || c.Type != typ {
			continue
		}
		for _, row := range p.Rows {
			if text != "*" && (row.Cells[i].Text != text || row.Cells[i].Null != (text == "")) {
				return false
			}
		}
		return true
	}
	return false
}
