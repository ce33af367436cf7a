package dashboard

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// FuzzValue holds that whatever is chosen for a variable of any type is refused in
// words, or taken in a form that stays as it is, and reaches the query as a bind
// parameter: the query's text is the same for all values.
func FuzzValue(f *testing.F) {
	for i, s := range []string{
		"paid", "", "'; DROP TABLE orders; --", "$1", "@a", "%s", `{a,"b"}`, `\"`, "NULL", "\x00", "\xff", "\u202e", "’", strings.Repeat("x", 5000),
		"12", "-0.0", "+007.50", "1e9", "NaN", "Infinity", ".", "\u0661", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"2026-11-20", "2026-02-29", "today", "yesterday", "today-7", "today--7", "0044-03-15 BC",
		"last-15m", "last-0s", "last-99999999999d", "2026-11-20T10:00..2026-11-21", "2026-11-21..2026-11-20", "..", "this-week", "pg_sleep(10)",
	} {
		f.Add(uint8(i), s, "b")
		f.Add(uint8(i+3), "a", s)
	}
	def, problems := read("all.yaml", "all", `
variables:
  - {name: words}
  - {name: some, multiple: true, query: SELECT 1}
  - {name: listed, options: [a, b, paid]}
  - {name: several, multiple: true, options: [a, b, paid], default: [a]}
  - {name: n, type: number}
  - {name: whole, type: integer}
  - {name: day, type: date}
  - {name: span, type: range}
panels: [{id: a, query: "SELECT @words, @some, @listed, @several, @n, @whole, @day, @span_from, @span_to"}]`, limits{rows: 10, timeZone: "UTC"})
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	plain, err := pageAt(def, address{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, which uint8, first, second string) {
		p, err := pageAt(def, address{})
		if err != nil {
			t.Fatal(err)
		}
		v := &p.Variables[int(which)%len(p.Variables)]
		if err := v.set([]string{first, second}); err != nil {
			var refused *AddressError
			if !errors.As(err, &refused) || refused.Code != "bad_request" || refused.Parameter != v.Name {
				t.Fatalf("%s: %v", v.Name, err)
			}
			return
		}
		again := *v
		if err := again.set(v.Values); err != nil || !slices.Equal(again.Values, v.Values) {
			t.Fatalf("%s: %q becomes %q, %v", v.Name, v.Values, again.Values, err)
		}
		if len(v.Values) > 1 && !v.Multiple {
			t.Fatalf("%s has %q", v.Name, v.Values)
		}
		args := map[string]*string{}
		v.args(args)
		for _, s := range v.symbols() {
			for _, name := range s.params {
				if _, ok := args[name]; !ok {
					t.Fatalf("%s: nothing is bound to %q", v.Name, name)
				}
			}
		}
		switch text := args[v.Name]; {
		case v.Multiple && text != nil && !slices.Equal(items(t, *text), v.Values):
			t.Fatalf("%s: %q is bound as %s", v.Name, v.Values, *text)
		case v.Type == VariableInteger && text != nil:
			if _, err := strconv.ParseInt(*text, 10, 64); err != nil {
				t.Fatalf("%s: %v", v.Name, err)
			}
		}
		with, err := def.page(p.Variables)
		if err == nil && with.Panels[0].SQL != plain.Panels[0].SQL {
			t.Fatalf("the query for %q is %s", v.Values, with.Panels[0].SQL)
		}
	})
}

// items reads an array's text as PostgreSQL does.
func items(t *testing.T, text string) (all []string) {
	t.Helper()
	inner, opens := strings.CutPrefix(text, "{")
	inner, closes := strings.CutSuffix(inner, "}")
	if !opens || !closes {
		t.Fatalf("%q is no array", text)
	}
	for inner != "" {
		if inner[0] != '"' {
			t.Fatalf("%q has an item without quotes", text)
		}
		var item strings.Builder
		i := 1
		for ; i < len(inner) && inner[i] != '"'; i++ {
			if inner[i] == '\\' {
				i++
			}
			item.WriteByte(inner[i])
		}
		all = append(all, item.String())
		inner = strings.TrimPrefix(inner[i+1:], ",")
	}
	return all
}
