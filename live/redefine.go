package live

import (
	"context"
	"errors"
	"time"

	"github.com/rowcast/rowcast/dashboard"
)

// defineLimit bounds how long one page's definition is waited for.
const defineLimit = 5 * time.Second

// redefine makes the pages of tables anew that are defined otherwise than
// before: columns came, went or got another type. Where a page is no longer what
// it was, its viewers are told to load it again.
func (e *Engine) redefine(pages []*page, jobs *jobs) {
	if e.cfg.Define == nil || len(pages) == 0 {
		return
	}
	jobs.start(func(ctx context.Context) {
		for _, p := range pages {
			id := p.def.ID()
			short, cancel := context.WithTimeout(ctx, defineLimit)
			def, err := e.cfg.Define(short, p.def.Address)
			cancel()
			if err == nil {
				def.As(p.def)
			}
			if ctx.Err() != nil {
				return
			}
			e.do(func() {
				if e.pages[id] == p {
					e.settleDefinition(p, def, err)
				}
			})
		}
	})
}

func (e *Engine) settleDefinition(p *page, def *dashboard.Page, err error) {
	var refused *dashboard.AddressError
	switch {
	case err == nil:
		p.altered = false
		if def.Address == p.def.Address && p.same(def) && def.Mark == p.def.Mark {
			return
		}
	case !errors.As(err, &refused) || refused.Code != "bad_request":
		return // the panel says why; again when the catalog is next read
	}
	e.log.Info("a table is not what it was", "page", p.def.Path())
	e.retire(p)
}
