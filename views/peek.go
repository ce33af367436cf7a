package views

import "time"

// Peek is what a card of the front page shows of its dashboard: its first number. The browser follows it in static/js/index.js.
type Peek struct {
	Title    string `json:"title"` // of the panel
	Whole    string `json:"whole"`
	Fraction string `json:"fraction,omitempty"`
	Unit     string `json:"unit,omitempty"`
	Line     string `json:"line,omitempty"`  // the way that led to it, drawn in a square of 100
	Since    string `json:"since,omitempty"` // "at 14:32": nobody watches, and it was so then

	At time.Time `json:"-"` // by the dashboard's clock
}

// NewPeek shows the number of a stat as it stood then.
func NewPeek(p *Panel, at time.Time) *Peek {
	s := statOf(p)
	return &Peek{Title: p.Title, Whole: s.Whole, Fraction: s.Fraction, Unit: s.Unit, Line: trendOf(p).Line, At: at}
}

// shown is what the card holds, nothing where nothing was seen.
func (p *Peek) shown() Peek {
	if p == nil {
		return Peek{}
	}
	return *p
}
