package dashboard

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/rowcast/rowcast/internal/extended"
)

// RunAs says as whom the queries of a page run, so that the database's own rules
// decide which rows a viewer sees. The values are texts with {user} and {groups}
// in them.
type RunAs struct {
	role     string // "": the role that reads
	settings []Setting
}

// placeholders are what stands for the viewer, groups as a comma list.
var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// settingName is a name that is nobody's but the application's: PostgreSQL's own
// have no dot.
var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$`)

// NewRunAs takes what is said of all table pages. It refuses what a dashboard's
// file could not say.
func NewRunAs(role string, settings map[string]string) (*RunAs, error) {
	as := &RunAs{role: role}
	texts := []string{role}
	for name, value := range settings {
		if !ownSetting(name) {
			return nil, fmt.Errorf("%q is no setting of your own: two words with a dot between them, such as app.user", name)
		}
		if !as.set(name, value) {
			return nil, fmt.Errorf("%q is set twice", name)
		}
		texts = append(texts, value)
	}
	for _, text := range texts {
		if p := strange(text); p != "" {
			return nil, fmt.Errorf("%q is nothing of a viewer: there are {user} and {groups}", p)
		}
	}
	if role == "" && len(settings) == 0 {
		return nil, errors.New("run_as says neither a role nor a setting")
	}
	as.sort()
	return as, nil
}

// set adds a setting, whose name PostgreSQL takes in any case: one that two pages write
// differently is one. It reports false where it is there already.
func (as *RunAs) set(name, value string) bool {
	name = strings.ToLower(name)
	if slices.ContainsFunc(as.settings, func(s Setting) bool { return s.Name == name }) {
		return false
	}
	as.settings = append(as.settings, Setting{name, value})
	return true
}

func (as *RunAs) sort() {
	slices.SortFunc(as.settings, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
}

func ownSetting(name string) bool {
	return settingName.MatchString(name) && !slices.ContainsFunc(reserved, func(p string) bool { return strings.HasPrefix(strings.ToLower(name), p) })
}

// strange is the first placeholder that stands for nothing; "": there is none.
func strange(text string) string {
	for _, p := range placeholder.FindAllString(text, -1) {
		if p != "{user}" && p != "{groups}" {
			return p
		}
	}
	return ""
}

// reserved are names of settings that a dashboard does not set.
var reserved = []string{"pg_", "plpgsql.", "rowcast."}

func (d *document) runAs(n ast.Node) *RunAs {
	as := &RunAs{}
	d.object(n, "run_as", []field{
		{"role", func(n ast.Node) { as.role = d.template(n, "role") }},
		{"settings", func(n ast.Node) {
			for _, e := range d.entries(n, "settings") {
				name := e.Key.GetToken().Value
				if !ownSetting(name) {
					d.fail(e, "name it as app.user is", "%q is no setting of your own: two words with a dot between them", name)
				}
				if !as.set(name, d.template(e.Value, name)) {
					d.fail(e, "write it once; PostgreSQL takes names in any case", "%q is set twice", name)
				}
			}
		}},
	})
	if as.role == "" && len(as.settings) == 0 {
		d.fail(n, "write role: or settings:", "run_as says neither a role nor a setting")
	}
	as.sort()
	return as
}

func (d *document) template(n ast.Node, what string) string {
	s, ok := d.line(n, what)
	if p := strange(s); ok && p != "" {
		d.fail(n, "there are {user} and {groups}", "%s names %s, which is nothing of a viewer", what, p)
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

// othersRead tells whether the queries are read by their viewers' roles, so that it says
// nothing what the role that connects may read.
func (def *definition) othersRead() bool { return def.runAs != nil && def.runAs.role != "" }

// RunsAsViewer tells whether the page is another one for each viewer. It has to
// be made theirs by For before it is read.
func (p *Page) RunsAsViewer() bool { return p.runAs != nil }

// RunAs makes a table's page another one for each viewer, before For makes it
// that of one. How many rows the whole table has is nothing for them.
func (p *Page) RunAs(as *RunAs) {
	p.runAs = as
	if p.Table != nil {
		p.Table.RowsEstimate = -1
	}
}

// As makes a page that of whomever another is of.
func (p *Page) As(o *Page) {
	p.Context, p.Candid, p.Role, p.Settings, p.runAs = o.Context, o.Candid, o.Role, o.Settings, o.runAs
}

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
		return refuse("forbidden", "this page shows what its viewer may see, and there is no role for you")
	}
	p.Context += context
	return nil
}

// become has a transaction read as the page's viewer, where that is asked for. A
// role that is above the database's rules would show everybody every row.
func (p *Page) become(ctx context.Context, tx extended.Tx) error {
	if p.runAs == nil {
		return nil
	}
	names, values := []string{}, []string{}
	for _, s := range p.Settings {
		names, values = append(names, s.Name), append(values, s.Value)
	}
	if p.Role != "" {
		names, values = append(names, "role"), append(values, p.Role)
	}
	for i := range names {
		if err := extended.Exec(ctx, tx, "SELECT pg_catalog.set_config($1, $2, true)", names[i], values[i]); err != nil {
			return fmt.Errorf("read as the viewer: %w", err)
		}
	}
	var above bool
	err := tx.Conn().QueryRow(ctx, "SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user").Scan(&above)
	switch {
	case err != nil:
		return fmt.Errorf("read as the viewer: %w", err)
	case above:
		return refuse("forbidden", "the role that reads is above row-level security, so everybody would see every row")
	}
	return nil
}

// Locked makes the page one whose variables cannot be changed: what could be
// chosen instead is not on it.
func (p *Page) Locked() {
	p.Panels = slices.DeleteFunc(p.Panels, func(n Panel) bool { return n.OptionsOf != "" })
	p.Context += "locked"
}
