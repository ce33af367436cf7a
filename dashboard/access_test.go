package dashboard_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

const aPanel = "panels: [{id: a, type: table, query: SELECT 1 AS a}]\n"

func TestWhoMaySeeADashboard(t *testing.T) {
	book := open(t, nil, map[string]string{
		"named.yaml": "access: {users: [anna, \"42\"], groups: [sales]}\n" + aPanel,
		"all.yaml":   "access: {everyone: true}\n" + aPanel,
		"none.yaml":  aPanel,
		"wrong.yaml": "access: {everyone: true}\npanels: 7\n",
	})
	if !book.Restricted() {
		t.Error("no dashboard says who may see it")
	}
	for address, want := range map[string]dashboard.Access{
		"/d/named?x=y": {Users: []string{"anna", "42"}, Groups: []string{"sales"}}, "/d/all": {Everyone: true},
		"/d/none": {}, "/d/wrong": {}, "/d/nowhere": {},
	} {
		got, err := book.Subject(address)
		if err != nil || fmt.Sprint(got.Access) != fmt.Sprint(want) || got.Kind != dashboard.KindDashboard {
			t.Errorf("%s: %+v %v", address, got, err)
		}
	}
	if got, err := book.Subject(`/t/hr.%22Odd%20name%22?sort=x`); err != nil || got.Kind != dashboard.KindTable || got.Schema != "hr" || got.Name != "Odd name" {
		t.Errorf("%+v %v", got, err)
	}
	for _, address := range []string{"/", "", "/d/%zz", "/x/y", "/t/orders", "https://x/d/all"} {
		if got, err := book.Subject(address); err == nil {
			t.Errorf("%q is about %+v", address, got)
		}
	}
	index, err := book.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range index.Dashboards {
		if want, _ := book.Subject(d.Address); fmt.Sprint(d.Access) != fmt.Sprint(want.Access) {
			t.Errorf("the index gives %s to %+v", d.Slug, d.Access)
		}
	}
}

func TestAccessThatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"access: everyone":                               "access is a mapping",
		"access: {user: [anna]}":                         `access has no field "user"`,
		"access: {users: anna}":                          "users is a list",
		"access: {users: ['']}":                          "an entry of users is empty",
		"access: {groups: [a, a]}":                       `groups has "a" twice`,
		"access: {everyone: sales}":                      "everyone is true or false",
		"run_as: {}":                                     "neither a role nor a setting",
		"run_as: {role: 'x_{name}'}":                     "{name}, which is nothing of a viewer",
		"run_as: {settings: {role: x}}":                  `"role" is no setting of your own`,
		"run_as: {settings: {plpgsql.x: y}}":             `"plpgsql.x" is no setting of your own`,
		"run_as: {settings: {'a.b; c': y}}":              "is no setting of your own",
		"run_as: {settings: {app.user: x, App.user: y}}": `"App.user" is set twice`,
		"run_as: {settings: {app.user: '{user}'}}\nvariables: [{name: v, strict: true, query: SELECT 1}]": "v cannot be strict",
	} {
		problems, err := dashboard.Check(t.Context(), dashboard.Config{Source: source(map[string]string{"x.yaml": text + "\n" + aPanel})})
		if err != nil {
			t.Fatal(err)
		}
		if said := fmt.Sprint(problems); !strings.Contains(said, want) {
			t.Errorf("%s: %s", text, said)
		}
	}
}

func TestAPageBecomesItsViewers(t *testing.T) {
	book := open(t, nil, map[string]string{
		"own.yaml":   "run_as:\n  role: app_{user}\n  settings: {App.Groups: '{groups}', app.fixed: x}\n" + aPanel,
		"bare.yaml":  "run_as: {role: '{user}'}\n" + aPanel,
		"plain.yaml": aPanel,
	})
	made := func(slug, user string, groups ...string) *dashboard.Page {
		p, err := book.Page(t.Context(), "/d/"+slug)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.For(user, groups); err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := made("own", "anna", "sales", "tea")
	if p.Role != "app_anna" || fmt.Sprint(p.Settings) != "[{app.fixed x} {app.groups sales,tea}]" || p.Address != "/d/own" || !p.RunsAsViewer() {
		t.Errorf("%s %v: to PostgreSQL a name in another case is the same", p.Role, p.Settings)
	}
	if _, err := dashboard.NewRunAs("", map[string]string{"app.user": "{user}", "APP.user": "x"}); err == nil || !strings.Contains(err.Error(), "is set twice") {
		t.Errorf("a setting that all tables' pages have twice: %v", err)
	}
	ids := map[string]string{}
	for name, p := range map[string]*dashboard.Page{"anna": p, "ben": made("own", "ben", "sales", "tea"), "fewer groups": made("own", "anna", "sales"),
		"groups that look alike": made("own", "anna", "sales,tea", "x"), "plain": made("plain", "anna")} {
		if other, twice := ids[p.ID()]; twice {
			t.Errorf("%s and %s share a page", name, other)
		}
		ids[p.ID()] = name
	}
	if made("own", "anna", "sales", "tea").ID() != p.ID() || made("plain", "anna").ID() != made("plain", "ben").ID() || made("plain", "x").ID() != "/d/plain" {
		t.Error("the same for the same viewers is not one page")
	}
	for _, bad := range []struct{ slug, user string }{{"own", ""}, {"bare", "none"}, {"bare", "NONE"}, {"bare", "a\x00b"}, {"bare", ""}} {
		p, err := book.Page(t.Context(), "/d/"+bad.slug)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.For(bad.user, nil); err == nil {
			t.Errorf("%q has %s as %q", bad.user, bad.slug, p.Role)
		}
	}
}
