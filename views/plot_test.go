package views

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

type goldenChart struct {
	Plots []struct {
		Note   string
		Words  string
		Fields []struct {
			Name, Type string
			Enum       []string
			Format     Format
		}
		Chart    Chart
		Rows     [][]*string
		Axis     string
		XS       []float64
		Labels   []string
		Offsets  []float64
		Step     float64
		Regular  bool
		Decimals int
		Notation Notation
		Shared   int
		Sums     bool
		Series   []struct {
			Label, Hue string
			Values     []any
			Decimals   int
			Notation   Notation
			Of         []string
			Rest       bool
		}
		Problem string
	}
	Parts []struct {
		Parts
		Note   string
		Fields []struct {
			Name, Type string
			Enum       []string
			Format     Format
		}
		Chart   Chart
		Rows    [][]*string
		Problem string
	}
	Ranges []struct {
		Chart
		Low, High *float64
		Lo, Hi    float64
	}
	Stacks []struct {
		Note     string
		Area     bool
		Values   [][]any
		From, To [][]any
	}
	Ticks []struct {
		Lo, Hi float64
		About  int
		Whole  bool
		Style  string
		Ticks  []float64
	}
	Zoned []struct {
		Note   string
		Lo, Hi float64
		Most   int
		Clocks []struct{ From, Offset float64 }
		Texts  []string
		At     []float64
	}
	Ends []struct {
		Chart
		Note, Axis string
		XS         []float64
		Step       float64
		Now        int64
		Lo, Hi     float64
	}
	Bounds []struct {
		Range, Zone      string
		Zoned            bool
		Now              int64
		Window, From, To float64
	}
	Spans []struct {
		Wall, Step, Wide float64
		Lasts            bool
		Text             string
	}
	Categories []struct {
		Labels, Texts []string
		Wide          float64
		At            []float64
	}
	Gutters []struct {
		Texts []string
		Rem   string
	}
	Times []struct {
		Note   string
		Lo, Hi float64
		Most   int
		Texts  []string
		At     []float64
	}
	Shorts [][3]any
	Scales [][4]any
}

func readCharts(t *testing.T) goldenChart {
	t.Helper()
	data, err := os.ReadFile("testdata/chart.json")
	if err != nil {
		t.Fatal(err)
	}
	var g goldenChart
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Plots) < 10 {
		t.Fatal(len(g.Plots))
	}
	return g
}

func TestPlots(t *testing.T) {
	for _, c := range readCharts(t).Plots {
		t.Run(c.Note, func(t *testing.T) {
			var fields []Field
			for _, f := range c.Fields {
				fields = append(fields, Field{Name: f.Name, Type: f.Type, Enum: f.Enum, Format: f.Format})
			}
			columns := Describe(fields, false)
			var rows []Row
			for _, values := range c.Rows {
				var r Row
				for i, v := range values {
					if v == nil {
						v = new(string)
						r.Cells = append(r.Cells, columns[i].Cell(*v, true, time.Time{}))
						continue
					}
					r.Cells = append(r.Cells, columns[i].Cell(*v, false, time.Time{}))
				}
				rows = append(rows, r)
			}
			want := Plot{Axis: c.Axis, X: c.XS, Labels: c.Labels, Offsets: c.Offsets, Step: c.Step, Regular: c.Regular, Decimals: c.Decimals, Notation: c.Notation, Shared: c.Shared, Sums: c.Sums, Problem: c.Problem}
			for _, s := range c.Series {
				want.Series = append(want.Series, Series{Label: s.Label, Hue: s.Hue, Values: numbers(s.Values), Decimals: s.Decimals, Notation: s.Notation, Of: s.Of, Rest: s.Rest})
			}
			same := cmp.FilterValues(func(a, b []float64) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore())
			none := cmp.FilterValues(func(a, b []string) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore())
			nan := cmp.FilterValues(func(a, b float64) bool { return math.IsNaN(a) && math.IsNaN(b) }, cmp.Ignore())
			if d := cmp.Diff(want, NewPlot(columns, rows, c.Chart), same, none, nan); d != "" {
				t.Error(d)
			}
			if f, _ := NewFigure(columns, rows, c.Chart, time.Time{}); f.Label != c.Words {
				t.Errorf("in words %q, want %q", f.Label, c.Words)
			}
		})
	}
}

func TestParts(t *testing.T) {
	for _, c := range readCharts(t).Parts {
		var fields []Field
		for _, f := range c.Fields {
			fields = append(fields, Field{Name: f.Name, Type: f.Type, Enum: f.Enum, Format: f.Format})
		}
		columns := Describe(fields, false)
		var rows []Row
		for k, values := range c.Rows {
			r := Row{Key: strconv.Itoa(k)}
			for i, v := range values {
				cell := Cell{Text: "null", Null: true}
				if v != nil {
					cell = columns[i].Cell(*v, false, time.Time{})
				}
				r.Cells = append(r.Cells, cell)
			}
			rows = append(rows, r)
		}
		got, problem := NewParts(columns, rows, c.Chart)
		if d := cmp.Diff(c.Parts, *got); d != "" || problem != c.Problem {
			t.Error(c.Note, problem, d)
		}
	}
}

func TestMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"# On call\n\n**Payments** wait, see [payments](/t/public.payments).": `<h3>On call</h3>
<p><strong>Payments</strong> wait, see <a href="/t/public.payments">payments</a>.</p>
`,
		"a <b onclick=x()>b</b> <script>alert(1)</script>":                "<p>a b alert(1)</p>\n",
		"<div style=\"x\">\nhey\n</div>":                                  "",
		"[x](javascript:alert(1)) [y](data:text/html,x) ![z](vbscript:x)": "<p>x y z</p>\n",
		"![plan](https://example.com/a.png?b=\"c)":                        "<p><a href=\"https://example.com/a.png?b=%22c\">plan</a></p>\n",
		"- a\n- ~~b~~": "<ul>\n<li>a</li>\n<li><del>b</del></li>\n</ul>\n",
		"###### deep":  "<h6>deep</h6>\n",
	} {
		if got := Markdown(text); got != want {
			t.Errorf("%q:\n%q, want\n%q", text, got, want)
		}
	}
}

// numbers reads a golden series: null is a gap, and a text no point.
func numbers(all []any) []float64 {
	values := make([]float64, len(all))
	for i, v := range all {
		switch v := v.(type) {
		case nil:
			values[i] = gap
		case string:
			values[i] = absent
		case float64:
			values[i] = v
		}
	}
	return values
}

func TestStacks(t *testing.T) {
	for _, c := range readCharts(t).Stacks {
		var all []Series
		var wantFrom, wantTo [][]float64
		for i := range c.Values {
			all = append(all, Series{Values: numbers(c.Values[i])})
			wantFrom, wantTo = append(wantFrom, numbers(c.From[i])), append(wantTo, numbers(c.To[i]))
		}
		from, to := stack(all, c.Area)
		if d := cmp.Diff(wantFrom, from, cmpopts.EquateNaNs()) + cmp.Diff(wantTo, to, cmpopts.EquateNaNs()); d != "" {
			t.Error(c.Note, d)
		}
	}
}

func TestScales(t *testing.T) {
	g := readCharts(t)
	for _, c := range g.Ranges {
		low, high := gap, gap
		if c.Low != nil {
			low, high = *c.Low, *c.High
		}
		if lo, hi := c.scaleOf(low, high); math.Abs(lo-c.Lo) > 1e-9 || math.Abs(hi-c.Hi) > 1e-9 {
			t.Errorf("%v to %v of a %s: %v to %v, want %v to %v", low, high, c.Type, lo, hi, c.Lo, c.Hi)
		}
	}
	for _, c := range g.Ticks {
		if got, _ := ticks(c.Lo, c.Hi, c.About, c.Whole, Notation{Style: c.Style}); !cmp.Equal(got, c.Ticks) {
			t.Errorf("%v to %v: %v, want %v", c.Lo, c.Hi, got, c.Ticks)
		}
	}
	for _, c := range g.Times {
		var texts []string
		var at []float64
		for _, tick := range timeTicks(c.Lo, c.Hi, c.Most, c.Hi-c.Lo) {
			texts, at = append(texts, tick.text), append(at, tick.at)
		}
		if d := cmp.Diff(c.Texts, texts); d != "" {
			t.Error(c.Note, d)
		}
		if d := cmp.Diff(c.At, at); c.At != nil && d != "" {
			t.Error(c.Note, d)
		}
	}
	for _, c := range g.Scales {
		written := Notation{Style: c[2].(string)}
		if written.Style == "$" {
			written = Notation{Before: "$"}
		}
		if got := written.tick(c[0].(float64), c[1].(float64)); got != c[3] {
			t.Errorf("%v by %v as %v: %q, want %q", c[0], c[1], c[2], got, c[3])
		}
	}
	for _, c := range g.Shorts {
		if got := shortText(c[0].(float64), c[1].(float64)); got != c[2] {
			t.Errorf("%v by %v: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestAxes(t *testing.T) {
	g := readCharts(t)
	for _, c := range g.Zoned {
		var clocks []clock
		for _, k := range c.Clocks {
			clocks = append(clocks, clock{k.From, k.Offset})
		}
		var texts []string
		var at []float64
		for _, tick := range zonedTicks(c.Lo, c.Hi, c.Most, clocks) {
			texts, at = append(texts, tick.text), append(at, tick.at)
		}
		if d := cmp.Diff(c.Texts, texts); d != "" {
			t.Error(c.Note, d)
		}
		if d := cmp.Diff(c.At, at); c.At != nil && d != "" {
			t.Error(c.Note, d)
		}
	}
	for _, c := range g.Ends {
		ranged := c.ranged(time.UnixMilli(c.Now), true)
		lo, hi := ranged.ends(&Plot{Axis: c.Axis, X: c.XS, Step: c.Step}, time.UnixMilli(c.Now), false)
		if lo != c.Lo || hi != c.Hi {
			t.Errorf("%s: %v to %v, want %v to %v", c.Note, lo, hi, c.Lo, c.Hi)
		}
	}
	for _, c := range g.Bounds {
		s, ok := spanOf(c.Range, time.UnixMilli(c.Now), c.Zone, c.Zoned)
		if want := (axisSpan{c.Window, c.From, c.To}); s != want || ok != (want != axisSpan{}) {
			t.Errorf("%s in %s is %+v, want %+v", c.Range, c.Zone, s, want)
		}
	}
	for _, c := range g.Spans {
		if got := spanText(c.Wall, c.Step, c.Lasts, c.Wide); got != c.Text {
			t.Errorf("%v by %v: %q, want %q", c.Wall, c.Step, got, c.Text)
		}
	}
	for _, c := range g.Categories {
		var texts []string
		var at []float64
		for _, tick := range categoryTicks(c.Labels, c.Wide) {
			texts, at = append(texts, tick.text), append(at, tick.at)
		}
		if d := cmp.Diff(c.Texts, texts) + cmp.Diff(c.At, at); d != "" {
			t.Error(d)
		}
	}
	for _, c := range g.Gutters {
		var marks []Mark
		for _, text := range c.Texts {
			marks = append(marks, Mark{Text: text})
		}
		if got := gutter(marks); got != c.Rem {
			t.Errorf("%v: %s, want %s", c.Texts, got, c.Rem)
		}
	}
}

// A window ends at the moment of the first paint, and what left it is neither drawn
// nor counted.
func TestWindow(t *testing.T) {
	columns := Describe([]Field{{Name: "at", Type: "timestamptz"}, {Name: "n", Type: "int4"}}, false)
	var rows []Row
	for _, v := range [][2]string{{"2026-11-20 09:50:00+00", "900"}, {"2026-11-20 10:00:00+00", "4"}, {"2026-11-20 10:05:00+00", "8"}} {
		rows = append(rows, Row{Cells: []Cell{columns[0].Cell(v[0], false, time.Time{}), columns[1].Cell(v[1], false, time.Time{})}})
	}
	now := time.Date(2026, 11, 20, 10, 10, 0, 0, time.UTC)
	f, problem := NewFigure(columns, rows, Chart{Type: "line", Window: 900, Thresholds: []Threshold{{6, "gray"}, {500, "red"}}}, now)
	if problem != "" {
		t.Fatal(problem)
	}
	if f.Value != "8" || f.Rest != ", 10:05:00" || f.Now == nil || f.Now.X != "66.67%" || !f.Cut {
		t.Errorf("%q%q, now at %+v", f.Value, f.Rest, f.Now)
	}
	if d := cmp.Diff([]Limit{{At: "33.04%", Text: "6", Hue: "grey"}}, f.Limits); d != "" {
		t.Error(d)
	}
	f, _ = NewFigure(columns, rows, Chart{Type: "bar", Window: 900}, now)
	if f.Value != "12" || f.Rest != " in all" {
		t.Errorf("bars say %q%q", f.Value, f.Rest)
	}
}
