package views_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/rowcast/rowcast/views"
)

// The browser marks mistakes alike: static/test/problem.test.js reads the same
// cases.
func TestSourceMarksTheMistake(t *testing.T) {
	data, err := os.ReadFile("testdata/source.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Note, Query string
		Position    int
		Lines       []views.SourceLine
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		s := views.NewSource(c.Query, "shop.yaml", views.Mistake{Position: c.Position, Line: 31, Column: 16})
		if s == nil {
			s = &views.Source{}
		} else if s.Where != "shop.yaml, line 31, column 16" {
			t.Errorf("%s: it stands at %q", c.Note, s.Where)
		}
		if !slices.Equal(s.Lines, c.Lines) {
			t.Errorf("%s: got %+v, want %+v", c.Note, s.Lines, c.Lines)
		}
	}
}

func TestNoPlaceAtAllShowsNoQuery(t *testing.T) {
	if s := views.NewSource("SELECT 1", "shop.yaml", views.Mistake{}); s != nil {
		t.Errorf("shows %+v", s)
	}
}

func TestExplainedErrorSaysWhatHelps(t *testing.T) {
	p := views.Panel{Rows: make([]views.Row, 1), Query: "SELECT 1"}
	p.SetError("forbidden", "permission denied for table salaries")
	p.Explain(views.Mistake{Hint: "ask somebody", Fix: "GRANT SELECT ON hr.salaries TO me;"})
	if want := "Permission denied for table salaries. Ask somebody. These are its last rows. Whoever owns it can run:"; p.Message.Text != want {
		t.Errorf("says %q, want %q", p.Message.Text, want)
	}
	if p.Message.Command != "GRANT SELECT ON hr.salaries TO me;" || p.Source != nil {
		t.Errorf("%+v, %+v", p.Message, p.Source)
	}
}
