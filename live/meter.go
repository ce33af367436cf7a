package live

import "time"

// Meter hears what the engine measures. Its methods are called by the engine's
// loop: they must not block.
type Meter interface {
	// Armed says how long a cycle waited for its bells.
	Armed(took time.Duration)
	// Cycle says how long one reading of the due pages took, arming included.
	Cycle(took time.Duration)
	// Query says how long a panel of a page took; code is that of its error, or "".
	// A query that several pages share is told for each of them.
	Query(page, panel string, took time.Duration, code string)
	// Frame says how long after the first ring that it answers a page's change
	// was handed out.
	Frame(sinceRing time.Duration)
}

// unmetered is the meter of an engine that nobody measures.
type unmetered struct{}

func (unmetered) Armed(time.Duration)                         {}
func (unmetered) Cycle(time.Duration)                         {}
func (unmetered) Query(string, string, time.Duration, string) {}
func (unmetered) Frame(time.Duration)                         {}

// measure tells the meter of one panel as it was read.
func (e *Engine) measure(p *page, o outcome) {
	code := ""
	if o.err != nil {
		code = o.err.Code
	}
	e.cfg.Meter.Query(p.def.Address, o.item.def.ID, o.took, code)
}
