package views_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rowcast/rowcast/views"
)

// TestVariables holds the bar to testdata/variables.json, as the browser's code is.
func TestVariables(t *testing.T) {
	data, err := os.ReadFile("testdata/variables.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Cases []struct {
			Note, Name, Type, Text string
			Multiple               bool
			Values, Defaults       []string
			Options                []views.Option
			Choices                []views.Choice
		}
		Said []struct {
			Note, Text string
			Variables  []views.Variable
		}
		Ranges [][2]string
		Days   [][2]string
		Rows   []struct {
			Note    string
			Rows    [][]*string
			Options []views.Option
		}
	}
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Cases) < 15 || len(g.Ranges) < 10 || len(g.Days) < 5 || len(g.Rows) < 3 {
		t.Fatal("examples are missing")
	}
	for _, c := range g.Cases {
		v := views.Variable{Name: c.Name, Type: c.Type, Multiple: c.Multiple, Values: c.Values, Defaults: c.Defaults, Options: c.Options}
		if diff := cmp.Diff(c.Choices, v.Choices()); diff != "" {
			t.Errorf("%s: %s", c.Note, diff)
		}
		if got := v.Text(); got != c.Text {
			t.Errorf("%s: %q, want %q", c.Note, got, c.Text)
		}
	}
	for _, s := range g.Said {
		if got := views.Said(s.Variables); got != s.Text {
			t.Errorf("%s: %q, want %q", s.Note, got, s.Text)
		}
	}
	for _, r := range g.Ranges {
		if got := views.RangeText(r[0]); got != r[1] {
			t.Errorf("%s is %q, want %q", r[0], got, r[1])
		}
	}
	for _, d := range g.Days {
		if got := views.DayText(d[0]); got != d[1] {
			t.Errorf("%s is %q, want %q", d[0], got, d[1])
		}
	}
	for _, r := range g.Rows {
		if diff := cmp.Diff(r.Options, views.OptionRows(r.Rows), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", r.Note, diff)
		}
	}
}

// TestBarWithoutScript holds that the form asks for what is chosen, by its own means.
func TestBarWithoutScript(t *testing.T) {
	var b strings.Builder
	if err := views.DashboardPage(shopPage()).Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<select name="status"`, `<option value="all" selected>all</option>`,
		`<input type="hidden" name="channel" value="">`, `type="checkbox" name="channel" value="web" checked`, `type="checkbox" name="channel" value="market" autocomplete`,
		`type="radio" name="range" value="last-15m" checked`, `<span>Last 1 h</span>`, `<b data-chosen>web, phone</b>`,
		`name="least" value="20"`, `inputmode="decimal"`, `name="day" value="" autocomplete="off" spellcheck="false" type="date"`, `list="suggest-customer"`,
		`popovertarget="pick-channel"`, `<button class="btn no-script" type="submit">Apply</button>`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the bar has no %s", want)
		}
	}
}
