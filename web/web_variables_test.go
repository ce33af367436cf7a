package web_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/broadcast"
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/delta"
)

// withVariables is a page with one variable of each kind, and the options of one
// of them as a panel.
func withVariables(s *site) {
	p := s.add("/d/choice", "latest")
	p.TimeZone = "Europe/Berlin"
	p.Variables = []dashboard.Variable{
		{Name: "status", Label: "Status", Type: "select", Values: []string{"paid"}, Defaults: []string{"all"}, Strict: true,
			Options: []dashboard.Option{{Value: "all", Label: "All"}, {Value: "paid", Label: "Paid for"}}},
		{Name: "city", Label: "City", Type: "select", Multiple: true, OptionsPanel: "@city"},
		{Name: "range", Label: "Placed", Type: "range", Values: []string{"last-45m"}, Defaults: []string{"last-1h"}},
	}
	p.Panels = append(p.Panels, dashboard.Panel{ID: "@city", OptionsOf: "city", Limit: 1000})
	st := state("/d/choice", 1, "row")
	st.Panels["@city"] = &delta.Panel{Columns: []delta.Column{{Name: "city", Type: "text"}, {Name: "label", Type: "text"}},
		Rows: []delta.Row{{Key: `["B"]`, Cells: []delta.Cell{{Text: "B"}, {Text: `Ber<lin`}}}, {Key: `["D"]`, Cells: []delta.Cell{{Text: "D"}, {Null: true}}}}}
	s.hub.Publish("/d/choice", broadcast.Update[*delta.State]{Cursor: st.Cursor, State: st, Snapshot: func() []byte { return delta.EncodeSnapshot(st) }})
}

// TestPageDescription holds what a browser is told of a page besides its rows.
func TestPageDescription(t *testing.T) {
	s := newSite(t)
	withVariables(s)
	resp, body := s.ask("GET", "/api/v1/page"+query("/d/choice?status=paid"))
	if resp.StatusCode != 200 {
		t.Fatalf("%d: %s", resp.StatusCode, body)
	}
	var got, want any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	const text = `[
		{"name":"status","label":"Status","type":"select","strict":true,"values":["paid"],"default":["all"],"options":[{"value":"all","label":"All"},{"value":"paid","label":"Paid for"}]},
		{"name":"city","label":"City","type":"select","multiple":true,"values":[],"default":[],"options_panel":"@city"},
		{"name":"range","label":"Placed","type":"range","values":["last-45m"],"default":["last-1h"]}]`
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got.(map[string]any)["variables"])
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("variables are\n%s\nwant\n%s", a, b)
	}
	if _, body := s.ask("GET", "/api/v1/page"+query("/d/shop")); strings.Contains(body, "variables") {
		t.Errorf("a page without variables is described as %s", body)
	}
	if resp, _ := s.ask("GET", "/api/v1/page"+query("/d/shpo")); resp.StatusCode != 404 {
		t.Errorf("a page that is not there: %d", resp.StatusCode)
	}
}

// TestBarOfVariables holds that a first paint has the options that the page's
// state holds, and draws no panel for them.
func TestBarOfVariables(t *testing.T) {
	s := newSite(t)
	withVariables(s)
	_, body := s.ask("GET", "/d/choice")
	for _, want := range []string{
		`<option value="paid" selected>Paid for</option>`, `name="city" value="B" autocomplete="off"><span>Ber&lt;lin</span>`, `value="D" autocomplete="off"><span>D</span>`,
		`data-panel-id="@city"`, `data-rows="[[&#34;[\&#34;B\&#34;]&#34;,&#34;B&#34;,&#34;Ber\u003clin&#34;]`,
		`value="last-45m" checked`, `<span>Last 45 min</span>`, `Times are those of Europe/Berlin.`, `data-panel="latest"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(body, `data-panel="@city"`) {
		t.Error("options have a panel of their own")
	}
	if resp, body := s.ask("GET", "/d/choice/@city.csv"); resp.StatusCode != 200 || body != "city,label\r\nB,Ber<lin\r\nD,\r\n" {
		t.Errorf("the options as a file: %d %q", resp.StatusCode, body)
	}
}
