package live

import (
	"slices"
	"sync"

	"github.com/rowcast/rowcast/dashboard"
)

// claims are the names of all settings that pages have set since the start. A
// page that runs as its viewer begins with each of them empty but its own, so
// that none is left over from whoever came before it in the transaction.
type claims struct {
	mu    sync.Mutex
	names []string // sorted; never changed in place
}

// all adds the names of a page's own settings and returns those of all pages.
func (c *claims) all(own []dashboard.Setting) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range own {
		if at, found := slices.BinarySearch(c.names, s.Name); !found {
			c.names = slices.Insert(slices.Clone(c.names), at, s.Name)
		}
	}
	return c.names
}
