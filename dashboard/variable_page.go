package dashboard

import (
	"slices"
	"time"
)

// choose gives the definition's variables the address's values.
func (def *definition) choose(a address) ([]Variable, error) {
	variables := slices.Clone(def.variables)
	for i := range variables {
		v := &variables[i]
		v.Values, v.Defaults = slices.Clone(v.Values), slices.Clone(v.Defaults)
		if given := a.values[v.Name]; given != nil {
			if err := v.set(given); err != nil {
				return nil, err
			}
		}
	}
	return variables, nil
}

// page makes the page on which the variables have these values.
func (def *definition) page(variables []Variable) (*Page, error) {
	p := &Page{
		Kind: KindDashboard, Slug: def.slug, Title: def.title, Description: def.description, TimeZone: def.timeZone,
		Variables: variables, Panels: slices.Concat(def.panels, def.choices), Address: dashboardAddress(def.slug, variables),
		runAs: def.runAs,
	}
	if len(p.Address) > longestAddress {
		return nil, refuse("bad_request", "the address is longer than %d bytes", longestAddress)
	}
	args, paces, days := arguments(variables)
	for i := range p.Panels {
		n := &p.Panels[i]
		n.Args = pick(args, n.names)
		for _, name := range n.names {
			// What slides is read as it slides, unless the file says how often.
			if pace := paces[name]; pace > 0 && (n.Every == 0 || n.Clock && pace < n.Every) {
				n.Every, n.Clock = pace, true
			}
			n.Daily = n.Daily || days[name]
		}
	}
	return p, nil
}

// arguments are the bind parameters of all variables, by name, how often what
// slides with the clock is read, and which of them go with the calendar.
func arguments(variables []Variable) (args map[string]*string, paces map[string]time.Duration, days map[string]bool) {
	args, paces, days = map[string]*string{}, map[string]time.Duration{}, map[string]bool{}
	for i := range variables {
		v := &variables[i]
		v.args(args)
		if v.Type == VariableRange {
			r, _ := parseRange(v.Value()) // it is canonical
			for _, end := range []string{v.Name + "_from", v.Name + "_to"} {
				paces[end], days[end] = r.pace, true
			}
		}
		if _, _, relative := relativeDay(v.Value()); v.Type == VariableDate && relative {
			paces[v.Name], days[v.Name] = rangeSlowest, true
		}
	}
	return args, paces, days
}

// pick are the parameters of one query.
func pick(args map[string]*string, names []string) []*string {
	var picked []*string
	for _, name := range names {
		picked = append(picked, args[name])
	}
	return picked
}
