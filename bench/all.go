package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

type allCommand struct {
	site
	Seconds int      `default:"4" help:"How long each run takes."`
	Rounds  int      `default:"3" help:"How often every run is repeated, in turn with what it is compared with."`
	Only    []string `placeholder:"ROW,…" help:"Measure these rows only: ${rows}."`
	Browser string   `placeholder:"PATH" help:"A Chromium or Chrome; found in the usual places when not given."`
}

// row is what is measured in one go: one or more lines of the table.
type row struct {
	id     string
	than   string      // what rowcast is compared with
	thans  []string    // the same for each line, where they differ
	floor  measurement // nil: with nothing
	ours   measurement
	once   bool // its figures are of so long a time that one round is enough
	script string
	lines  []line
}

// measurement returns a figure for each line of its row.
type measurement func(ctx context.Context, st *stand) ([]float64, error)

type line struct {
	title, unit string
	must        bound
}

// beside is what the n-th line is compared with.
func (r row) beside(n int) string {
	if r.thans != nil {
		return r.thans[n]
	}
	return r.than
}

// stand is what rows are measured on, one after the other.
type stand struct {
	*ground
	seconds time.Duration
	browser string
	guests  *guests         // nil until somebody had to sign in
	last    int             // the newest event
	done    map[string]bool // scripts of sql/
}

// rows are all that the command can measure, in the order of the table.
func rows() []row {
	return slices.Concat(viewerRows(), writerRows(), readingRows(), databaseRows(), screenRows())
}

func rowNames() string {
	var names []string
	for _, r := range rows() {
		names = append(names, r.id)
	}
	return strings.Join(names, ", ")
}

// Run measures each row, round after round, and prints one table.
func (c *allCommand) Run(ctx context.Context) (err error) {
	for _, id := range c.Only {
		if !slices.ContainsFunc(rows(), func(r row) bool { return r.id == id }) {
			return fmt.Errorf("there is no row %q; there are %s", id, rowNames())
		}
	}
	g, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	before, err := g.conditions(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s at the start.\n%d rounds of %d s; medians; ratios are medians of the rounds' own.\n\n", before, c.Rounds, c.Seconds)
	st := &stand{ground: g, seconds: time.Duration(c.Seconds) * time.Second, browser: c.Browser, done: map[string]bool{}}
	table := &table{w: tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)}
	table.head()
	for _, r := range rows() {
		if len(c.Only) > 0 && !slices.Contains(c.Only, r.id) {
			continue
		}
		rounds := c.Rounds
		if r.once {
			rounds = 1
		}
		results, err := st.measure(ctx, r, rounds)
		if err != nil {
			return errors.Join(fmt.Errorf("measure %q: %w", r.lines[0].title, err), table.w.Flush())
		}
		for n, l := range r.lines {
			table.line(r, l, results, n)
		}
	}
	return table.w.Flush()
}

// result is a round's figures, one for each line; floor is nil where there is none.
type result struct{ floor, ours []float64 }

// measure measures a row round after round, so that whatever else the machine
// does falls on what is compared alike.
func (st *stand) measure(ctx context.Context, r row, rounds int) (results []result, err error) {
	if r.script != "" && !st.done[r.script] {
		if err := st.script(ctx, r.script); err != nil {
			return nil, err
		}
		st.done[r.script] = true
	}
	for round := range rounds {
		var got result
		if r.floor != nil {
			if got.floor, err = r.floor(ctx, st); err != nil {
				return nil, fmt.Errorf("%s: %w", r.beside(0), err)
			}
		}
		if got.ours, err = r.ours(ctx, st); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "round %d/%d: %s: %.3g, %.3g\n", round+1, rounds, r.id, got.floor, got.ours)
		results = append(results, got)
	}
	return results, nil
}

// table is what is printed.
type table struct {
	w *tabwriter.Writer
}

func (t *table) head() {
	fmt.Fprintln(t.w, "| what\t| beside\t| floor\t| rowcast\t| ratio\t| rounds\t| must be\t|\t| load\t|")
	fmt.Fprintln(t.w, "| ---\t| ---\t| ---:\t| ---:\t| ---:\t| ---:\t| ---\t| ---\t| ---:\t|")
}

// line prints the n-th line of a row.
func (t *table) line(r row, l line, results []result, n int) {
	var floors, ours, ratios []float64
	for _, got := range results {
		ours = append(ours, got.ours[n])
		if got.floor != nil {
			floors, ratios = append(floors, got.floor[n]), append(ratios, got.ours[n]/got.floor[n])
		}
	}
	f, o, ratio := quantile(floors, 0.5), quantile(ours, 0.5), quantile(ratios, 0.5)
	floor, shown, span := "", "", ""
	if f > 0 { // of some lines only rowcast has a figure
		floor = figure(f, l.unit)
	}
	if len(ratios) > 0 && l.must.ofRatio() {
		shown, span = fmt.Sprintf("**%.2f**", ratio), fmt.Sprintf("%.2f–%.2f", quantile(ratios, 0), quantile(ratios, 1))
	}
	fmt.Fprintf(t.w, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n",
		l.title, r.beside(n), floor, figure(o, l.unit), shown, span, l.must, l.must.verdict(f, o, ratio), loadAverage())
}

// figure is a number with its unit, to three places that count.
func figure(v float64, unit string) string {
	decimals := 0
	for limit := 100.0; decimals < 2 && v < limit; limit /= 10 {
		decimals++
	}
	if v == 0 {
		decimals = 0
	}
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", decimals, v, unit))
}

// bound is what a line must keep; the zero one is of a line that only tells its
// figures.
type bound struct {
	kind  byte
	limit float64
}

func anyRatio() bound              { return bound{'/', 0} } // it only tells
func ratioAtMost(n float64) bound  { return bound{'<', n} }
func ratioAtLeast(n float64) bound { return bound{'>', n} }
func within(n float64) bound       { return bound{'~', n} } // so far from 1, as a share
func atMost(n float64) bound       { return bound{'=', n} }
func floorPlus(n float64) bound    { return bound{'+', n} }

func (b bound) ofRatio() bool { return b.kind != 0 && strings.IndexByte("/<>~", b.kind) >= 0 }

func (b bound) String() string {
	switch b.kind {
	case '<':
		return fmt.Sprintf("≤ %g ×", b.limit)
	case '>':
		return fmt.Sprintf("≥ %g ×", b.limit)
	case '~':
		return fmt.Sprintf("1 ± %g ×", b.limit)
	case '=':
		return fmt.Sprintf("≤ %g", b.limit)
	case '+':
		return fmt.Sprintf("≤ floor + %g", b.limit)
	}
	return ""
}

// verdict says whether figures keep the bound.
func (b bound) verdict(floor, ours, ratio float64) string {
	kept := true
	switch b.kind {
	case '<':
		kept = ratio <= b.limit
	case '>':
		kept = ratio >= b.limit
	case '~':
		kept = ratio >= 1-b.limit && ratio <= 1+b.limit
	case '=':
		kept = ours <= b.limit
	case '+':
		kept = ours <= floor+b.limit
	default:
		return ""
	}
	if kept {
		return "kept"
	}
	return "MISSED"
}
