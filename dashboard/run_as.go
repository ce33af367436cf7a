package dashboard

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// runAs says as whom a dashboard's queries run, so that the database's own rules
// decide which rows a viewer sees. The values are texts with {user} and {groups}
// in them.
type runAs struct {
	role     string // "": the role that reads
	settings []Setting
}

// placeholders are what stands for the viewer, groups as a comma list.
var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// settingName is a name that is nobody's but the application's: PostgreSQL's own
// have no dot.
var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$`)

// reserved are names of settings that a dashboard does not set.
var reserved = []string{"pg_", "plpgsql.", "rowcast."}

func (d *document) runAs(n ast.Node) *runAs {
	as := &runAs{}
	d.object(n, "run_as", []field{
		{"role", func(n ast.Node) { as.role = d.template(n, "role") }},
		{"settings", func(n ast.Node) {
			for _, e := range d.entries(n, "settings") {
				name := e.Key.GetToken().Value
				if !settingName.MatchString(name) || slices.ContainsFunc(reserved, func(p string) bool { return strings.HasPrefix(strings.ToLower(name), p) }) {
					d.fail(e, "name it as app.user is", "%q is no setting of your own: two words with a dot between them", name)
				}
				as.settings = append(as.settings, Setting{name, d.template(e.Value, name)})
			}
		}},
	})
	if as.role == "" && len(as.settings) == 0 {
		d.fail(n, "write role: or settings:", "run_as says neither a role nor a setting")
	}
	slices.SortFunc(as.settings, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	return as
}

func (d *document) template(n ast.Node, what string) string {
	s, ok := d.line(n, what)
	for _, p := range placeholder.FindAllString(s, -1) {
		if ok && p != "{user}" && p != "{groups}" {
			d.fail(n, "there are {user} and {groups}", "%s names %s, which is nothing of a viewer", what, p)
		}
	}
	return s
}

// steady reports a choice whose values are judged before it is known who asks.
func (d *document) steady(def *definition) {
	for i := range def.variables {
		if v := &def.variables[i]; def.runAs != nil && v.Strict && v.OptionsPanel != "" {
			d.failAt(0, 0, "leave strict out: what a query does not find, it does not show", "with run_as, %s cannot be strict: its options differ from viewer to viewer", v.Name)
		}
	}
}

// RunsAsViewer tells whether the page is another one for each viewer. It has to
// be made theirs by For before it is read.
func (p *Page) RunsAsViewer() bool { return p.runAs != nil }

// For makes the page that of a viewer, where it is another one for each. Viewers
// for whom role and settings are the same share it. Its error is an
// *AddressError.
func (p *Page) For(user string, groups []string) error {
	if p.runAs == nil {
		return nil
	}
	fill := strings.NewReplacer("{user}", user, "{groups}", strings.Join(groups, ",")).Replace
	p.Role = fill(p.runAs.role)
	p.Settings = make([]Setting, len(p.runAs.settings))
	context := fmt.Sprintf("%q", p.Role)
	for i, s := range p.runAs.settings {
		p.Settings[i] = Setting{s.Name, fill(s.Value)}
		context += fmt.Sprintf(" %s=%q", s.Name, p.Settings[i].Value)
	}
	if user == "" || p.runAs.role != "" && (strings.EqualFold(p.Role, "none") || p.Role == "" || !storable(p.Role)) {
		// PostgreSQL takes "none" for the role that reads, which sees everything.
		return refuse("forbidden", "this dashboard shows what its viewer may see, and there is no role for you")
	}
	p.Context += context
	return nil
}

// Locked makes the page one whose variables cannot be changed: what could be
// chosen instead is not on it.
func (p *Page) Locked() {
	p.Panels = slices.DeleteFunc(p.Panels, func(n Panel) bool { return n.OptionsOf != "" })
	p.Context += "locked"
}
