package web

import (
	"github.com/rowcast/rowcast/dashboard"
	"github.com/rowcast/rowcast/views"
)

// variable is one choice in the bar. Options from a query are what their panel
// holds.
func (p *paint) variable(v *dashboard.Variable) views.Variable {
	m := views.Variable{Name: v.Name, Label: v.Label, Type: v.Type, Multiple: v.Multiple, Values: v.Values, Defaults: v.Defaults, Panel: v.OptionsPanel}
	for _, o := range v.Options {
		m.Options = append(m.Options, views.Option(o))
	}
	if v.Type == dashboard.VariableRange {
		m.Zone = p.page.TimeZone
		for _, preset := range dashboard.RangePresets() {
			m.Options = append(m.Options, views.Option{Value: preset, Label: views.RangeText(preset)})
		}
	}
	if m.Moves() {
		for _, preset := range dashboard.DayPresets() {
			m.Options = append(m.Options, views.Option{Value: preset, Label: views.DayText(preset)})
		}
	}
	if p.state == nil || p.state.Panels[v.OptionsPanel] == nil || p.state.Panels[v.OptionsPanel].Columns == nil {
		return m
	}
	have := p.state.Panels[v.OptionsPanel]
	fields := make([]views.Field, len(have.Columns))
	for i, c := range have.Columns {
		fields[i] = views.Field{Name: c.Name, Type: c.Type}
	}
	keys, rows := make([]string, len(have.Rows)), rowsJSON(have).Rows
	for i := range have.Rows {
		keys[i] = have.Rows[i].Key
	}
	m.SetRows(fields, keys, rows)
	m.Truncated = have.Truncated
	return m
}

// variableJSON is one variable and what is chosen.
type variableJSON struct {
	Name         string         `json:"name"`
	Label        string         `json:"label"`
	Type         string         `json:"type"`
	Multiple     bool           `json:"multiple,omitempty"`
	Strict       bool           `json:"strict,omitempty"`
	Values       []string       `json:"values"`
	Default      []string       `json:"default"`
	Options      []views.Option `json:"options,omitempty"`       // that the file lists
	OptionsPanel string         `json:"options_panel,omitempty"` // whose rows are the options
}

func describeVariables(page *dashboard.Page) (list []variableJSON) {
	for _, v := range page.Variables {
		j := variableJSON{
			Name: v.Name, Label: v.Label, Type: v.Type, Multiple: v.Multiple, Strict: v.Strict,
			Values: append([]string{}, v.Values...), Default: append([]string{}, v.Defaults...), OptionsPanel: v.OptionsPanel,
		}
		for _, o := range v.Options {
			j.Options = append(j.Options, views.Option(o))
		}
		list = append(list, j)
	}
	return list
}
