package dashboard_test

import (
	"strings"
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// panel is a file of one good panel, with one line more in it.
func panel(line string) string {
	return "panels:\n  - id: a\n    query: SELECT 1\n    " + line + "\n"
}

func variable(lines string) string {
	return "variables:\n  - name: v\n    " + lines + "\npanels: [{id: a, query: SELECT 1}]\n"
}

// mistakes are files with one mistake each, marked where it has to be found. A
// hint that ends in … goes on.
var mistakes = []struct{ name, file, what, hint string }{
	{"unknown field", panel("▸wdith: 3"), `a panel has no field "wdith"`, `did you mean "width"?`},
	{"unknown field of a dashboard", "▸tilte: x\n" + panel(""), `a dashboard has no field "tilte"`, `did you mean "title"?`},
	{"field that is like none", "▸zzzzzzzz: x\n" + panel(""), `a dashboard has no field "zzzzzzzz"`, `there is title, description, timezone, access, run_as, variables and panels`},
	{"mistyped query", "panels:\n  - id: a\n    ▸qeury: SELECT 1\n", `a panel has no field "qeury"`, `did you mean "query"?`},
	{"field of a variable", variable("▸lable: x"), `a variable has no field "lable"`, `did you mean "label"?`},
	{"field of a column", panel("columns: {x: {▸colour: red}}"), `a column has no field "colour"`, `did you mean "colors"?`},
	{"unknown type", panel("type: ▸tabel"), `there is no panel type "tabel"`, `did you mean "table"?`},
	{"type of another name", panel("type: ▸pie"), `there is no panel type "pie"`, `did you mean "donut"?`},
	{"window like a variable", "variables: [{name: range, type: range}]\npanels:\n  - id: a\n    type: line\n    query: SELECT now(), 1\n    window: ▸rnge\n", `window cannot be "rnge"`, `did you mean "range"?`},
	{"window that is no time", "panels:\n  - id: a\n    type: line\n    query: SELECT now(), 1\n    window: ▸wide\n", `window cannot be "wide"`, `write a time such as 15m, or the name of a variable of type range`},
	{"text that begins with a sign", "title: ▸@home\n" + panel(""), `not YAML: '@' is a reserved character`, "a text that begins with @, ` or % needs quotes around it"},
	{"field too far right", "panels:\n  - id: ▸a\n     title: b\n    query: SELECT 1\n", `not YAML: mapping value is not allowed in this context`, `line 3 stands further right than the field above it, which has a value: begin both in the same column`},
	{"field too far left", "panels:\n  - id: a\n    title: b\n   ▸query: SELECT 1\n", `not YAML: value is not allowed in this context`, `the line begins in a column of its own: fields of one entry stand exactly below each other`},
	{"variable of the page's own", "variables: [{name: ▸theme}]\n" + panel(""), `"theme" is a parameter that every page has in its address`, `give it another name`},
	{"empty option", variable("options: [a, ▸'']"), `an option is empty`, `give it a label, as in {value: "", label: none}, or leave it out`},
	{"no id", "panels:\n  - ▸query: SELECT 1\n", `the panel has no id`, `add id:, a name that is part of its address`},
	{"no query", "panels:\n  - ▸id: a\n", `the panel has no query`, `add query: SELECT …`},
	{"empty query", panel("") + "  - id: b\n    query: '▸'\n", `the query is empty`, `write a SELECT`},
	{"comment for a query", panel("") + "  - id: b\n    query: |\n      ▸-- nothing\n", `the query is empty`, `write a SELECT`},
	{"query without a value", panel("") + "  - id: b\n    ▸query:\n", `query has no value`, `give it one, or leave the line out`},
	{"same id", panel("") + "  - query: SELECT 2\n    id: ▸a\n", `there are two panels "a"`, `give each panel an id of its own`},
	{"bad id", "panels:\n  - id: ▸a b\n    query: SELECT 1\n", `a panel's id cannot be "a b"`, `use letters, digits, - and _`},
	{"every without a unit", panel("every: ▸30"), `every cannot be "30"`, `did you mean 30s?`},
	{"every in words", panel("every: ▸often"), `every cannot be "often"`, `write a number and its unit, such as 30s, 5m or 1h`},
	{"every too short", panel("every: ▸10ms"), `every cannot be 10ms`, `write a time from 1s to 24h`},
	{"every below zero", panel("every: ▸-1s"), `every cannot be -1s`, `write a time from 1s to 24h`},
	{"width", panel("width: ▸13"), `width is a whole number from 1 to 12, not "13"`, ``},
	{"width in words", panel("width: ▸half"), `width is a whole number from 1 to 12, not "half"`, ``},
	{"width with decimals", panel("width: ▸3.5"), `width is a whole number from 1 to 12, not "3.5"`, ``},
	{"height", panel("height: ▸0"), `height is a whole number from 1 to 12, not "0"`, ``},
	{"limit", panel("limit: ▸20000"), `limit is a whole number from 1 to 10000, not "20000"`, ``},
	{"limit as a list", panel("limit: ▸[1]"), `limit is a whole number from 1 to 10000, not a list`, ``},
	{"color", panel("columns: {s: {colors: {paid: ▸gren}}}"), `a color cannot be "gren"`, `did you mean "green"?`},
	{"align", panel("columns: {s: {align: ▸rigth}}"), `align cannot be "rigth"`, `did you mean "right"?`},
	{"decimals", panel("columns: {s: {decimals: ▸-1}}"), `decimals is a whole number from 0 to 20`, ``},
	{"time", panel("columns: {s: {time: ▸yesterday}}"), `time cannot be "yesterday"`, `there is relative and absolute`},
	{"format", panel("columns: {s: {format: ▸percents}}"), `format cannot be "percents"`, `did you mean "percent"?`},
	{"threshold of a column", panel("columns: {s: {thresholds: {▸much: red}}}"), `a threshold is a number, not "much"`, `write {80: amber, 95: red}`},
	{"color of a column's threshold", panel("columns: {s: {thresholds: {8: ▸rde}}}"), `a color cannot be "rde"`, `did you mean "red"?`},
	{"bar", panel("columns: {s: {bar: ▸100}}"), `bar cannot be "100"`, `write true, or {max: 100}`},
	{"field of a bar", panel("columns: {s: {bar: {▸mxa: 100}}}"), `a bar has no field "mxa"`, `did you mean "max"?`},
	{"length of a bar", panel("columns: {s: {bar: {max: ▸0}}}"), `max must be above 0`, ``},
	{"hidden", panel("columns: {s: {hidden: ▸maybe}}"), `hidden is true or false, not "maybe"`, ``},
	{"width of a column", panel("columns: {s: {width: ▸20}}"), `width cannot be "20"`, `did you mean 20%?`},
	{"width of a column in other units", panel("columns: {s: {width: ▸20rem}}"), `width cannot be "20rem"`, `write a share of the table's width, such as 20%`},
	{"link of a script", panel("columns: {s: {link: ▸'javascript:alert(1)'}}"), `a link cannot be "javascript:alert(1)"`, `write https://… or a path of this server, such as /t/public.orders`},
	{"link without a scheme", panel("columns: {s: {link: ▸crm.example/x}}"), `a link cannot be "crm.example/x"`, `write https://… or a path of this server, such as /t/public.orders`},
	{"link to another server by a path", panel("columns: {s: {link: ▸//evil.test/x}}"), `a link cannot be "//evil.test/x"`, `write https://… or a path of this server, such as /t/public.orders`},
	{"link with a name before the server", panel("columns: {s: {link: ▸'https://a@evil.test/x'}}"), `a link cannot be "https://a@evil.test/x"`, `write https://… or a path of this server, such as /t/public.orders`},
	{"link to a server from a row", panel("columns: {s: {link: ▸'https://{host}/x'}}"), `the server of a link cannot come from a column`, `write the server's name out`},
	{"link with half a bracket", panel("columns: {s: {link: ▸'/x/{id'}}"), `a link has a bracket too many or too few: "/x/{id"`, `write {name} for the value of a column`},
	{"comparison of a table", panel("compare: ▸x"), `a panel of type table has no field "compare"`, `leave it out, or choose a type that has it: stat`},
	{"comparison with nothing", panel("type: stat\n    compare: ▸{label: x}"), `compare has nothing to compare with`, `add column:, a column of the panel's query, or query:`},
	{"comparison with two", panel("type: stat\n    compare: {column: x, query: ▸SELECT 1}"), `a number is compared with a column or with a query, not with both`, `keep one of them`},
	{"comparison with a bare query", panel("type: stat\n    compare: ▸SELECT 1"), `compare is a column's name, or a mapping`, `write compare: {query: …}`},
	{"comparison with the past", panel("type: stat\n    compare: ▸1h"), `nothing is kept of earlier moments, such as 1h ago`, `write compare: {query: …} with a query of that moment`},
	{"good way", panel("type: stat\n    compare: {column: x, good: ▸upp}"), `good cannot be "upp"`, `did you mean "up"?`},
	{"sparkline that writes", panel("type: stat\n    sparkline: ▸DELETE FROM x"), `DELETE is not a query: a panel only reads`, `write SELECT, WITH, VALUES or TABLE`},
	{"key of a column", panel("columns: {s: {key: ▸1}}"), `key is true or false, not "1"`, ``},
	{"column without a format", panel("columns: {▸s: }"), `the column "s" has no format`, `write {align: right}, for one`},
	{"columns as a list", panel("columns: ▸[a, b]"), `columns is a mapping of names to values, not a list`, `write name: value`},
	{"unit of a table", panel("unit: ▸EUR"), `a table's unit belongs to one of its columns`, `write columns: {name: {unit: EUR}}`},
	{"watch", panel("watch: ▸a.b.c"), `watch: "a.b.c" is not a table's name`, `write it as SQL does: orders, sales.orders or "Order"`},
	{"field of another type", panel("x: ▸hour"), `a panel of type table has no field "x"`, `leave it out, or choose a type that has it: …`},
	{"mark of a progress", panel("type: progress\n    target: ▸5"), `a panel of type progress has no field "target"`, `leave it out, or choose a type that has it: gauge`},
	{"text with a query", "panels:\n  - id: a\n    type: text\n    content: x\n    query: ▸SELECT 1\n", `a panel of type text has content:, not a query`, `leave it out, or choose another type`},
	{"text without content", panel("") + "  - ▸id: b\n    type: text\n", `the text has no content`, `add content: | and Markdown below it`},
	{"threshold", panel("type: gauge\n    thresholds: {▸much: red}"), `a threshold is a number, not "much"`, `write {80: amber, 95: red}`},
	{"threshold's color", panel("type: gauge\n    thresholds: {8.5: ▸rad}"), `a color cannot be "rad"`, `did you mean "red"?`},
	{"maximum of a gauge", panel("type: gauge\n    min: 5\n    max: ▸5"), `max must be above 5`, ``},

	{"tab", "title: x\npanels:\n▸\t- id: a\n", `not YAML: `, `YAML indents with spaces, never with tabs`},
	{"same field", "title: x\n▸title: y\n" + panel(""), `not YAML: `, `keep one of them`},
	{"colon in a text", "title: ▸a: b\n" + panel(""), `not YAML: `, `a text that holds a colon, a # or a quote needs quotes around it, or a | and the next line`},
	{"two documents", panel("") + "---\n▸title: x\n", `a file holds one dashboard, and a second document begins here`, `put it into a file of its own`},
	{"empty file", "# nothing\n", `the file is empty`, `begin with title: and panels:`},
	{"not UTF-8", "title: \xff\n", `the file is not UTF-8 text`, `save it as UTF-8`},
	{"deep", "title: " + strings.Repeat("[", 5000) + "\n", `the file nests brackets too deeply`, ``},
	{"no panels", "▸title: x\n", `the dashboard has no panels`, `add panels: with one entry a panel`},
	{"empty panels", "panels: ▸[]\n", `a dashboard needs at least one panel`, ``},
	{"panels as a mapping", "panels:\n  ▸id: a\n", `panels is a list, not a mapping`, `write [a, b], or one entry a line, each after a dash`},
	{"a list", "▸- title: x\n", `a dashboard is a mapping of names to values, not a list`, `write name: value`},
	{"a text", "▸hello\n", `a dashboard is a mapping of names to values, not "hello"`, `write name: value`},
	{"empty title", "title: ▸''\n" + panel(""), `title is empty`, ``},
	{"title as a list", "title: ▸[a]\n" + panel(""), `title is a text, not a list`, ``},
	{"time zone", "timezone: ▸Europe/Berln\n" + panel(""), `there is no time zone "Europe/Berln"`, `write a name such as Europe/Berlin or UTC`},
	{"this machine's time zone", "timezone: ▸Local\n" + panel(""), `there is no time zone "Local"`, `write a name such as Europe/Berlin or UTC`},

	{"default", variable("options: [paid, open]\n    default: ▸paied"), `the default "paied" is not one of the options`, `did you mean "paid"?`},
	{"empty options", variable("options: ▸[]"), `options is empty`, ``},
	{"options as a mapping", variable("options:\n      ▸query: SELECT 1"), `options is a list`, `write query: beside name:, in place of options:`},
	{"options and query", variable("options: [a]\n    query: ▸SELECT 1"), `a variable has options or a query for them, not both`, `keep one of them`},
	{"unknown variable in the query of options", variable("query: SELECT ▸@w"), `unknown variable @w`, `did you mean "v"?`},
	{"options of their own variable", variable("query: ▸SELECT @v"), `the options of "v" depend on "v" itself`, `take it out of the query`},
	{"options in a circle", "variables:\n  - {name: a, query: ▸'SELECT @c'}\n  - {name: b, query: 'SELECT @a'}\n  - {name: c, query: 'SELECT @b'}\n" + panel(""),
		`the options of "a" depend on themselves: a, c, b, a`, `let one of them list its options by itself`},
	{"options that write", variable("query: ▸DELETE FROM x"), `DELETE is not a query: a panel only reads`, `write SELECT, WITH, VALUES or TABLE`},
	{"type of a variable", variable("type: ▸selct"), `there is no variable type "selct"`, `did you mean "select"?`},
	{"select without options", variable("type: ▸select"), `a select has options`, `add options: with a list, or query: SELECT …`},
	{"options of a number", variable("type: number\n    options: ▸[1, 2]"), `a variable of type number has no options`, `leave it out, or make it a select`},
	{"query of a range", variable("type: range\n    query: ▸SELECT 1"), `a variable of type range has no options`, `leave it out, or make it a select`},
	{"several dates", variable("type: date\n    multiple: ▸true"), `a variable of type date has one value`, `leave it out, or make it a select`},
	{"several texts", variable("multiple: ▸true"), `a variable of type text has one value`, `leave it out, or make it a select`},
	{"several, but how many", variable("options: [a]\n    multiple: ▸2"), `multiple is true or false, not "2"`, ``},
	{"strict list", variable("options: [a]\n    strict: ▸true"), `strict is for a select with a query`, `leave it out: what the file lists is always strict`},
	{"same option", variable("options: [a, b, ▸a]"), `the option "a" is there twice`, `leave it out`},
	{"empty option of several", variable("multiple: true\n    options: [a, ▸'']"), `an option of several is empty`, `leave it out: nothing chosen is a choice of its own`},
	{"field of an option", variable("options: [{value: a, ▸lable: A}]"), `an option has no field "lable"`, `did you mean "label"?`},
	{"one default of several", variable("multiple: true\n    options: [paid, open]\n    default: [open, ▸paied]"), `the default "paied" is not one of the options`, `did you mean "paid"?`},
	{"default of a number", variable("type: number\n    default: ▸many"), `the default cannot be "many"; it is a number, such as 12 or 0.5`, ``},
	{"default of an integer", variable("type: integer\n    default: ▸1.5"), `the default cannot be "1.5"; it is a whole number`, ``},
	{"default of a date", variable("type: date\n    default: ▸2026-02-30"), `the default cannot be "2026-02-30"; it is a date, such as 2026-11-20`, ``},
	{"default of a range", variable("type: range\n    default: ▸15 minutes"), `the default cannot be "15 minutes"; it is a time range, such as last-15m, today or 2026-11-20T10:00..2026-11-20T12:00`, ``},
	{"range that ends first", variable("type: range\n    default: ▸2026-11-20..2026-11-19"), `the default cannot be "2026-11-20..2026-11-19"; a time range ends after it begins`, ``},
	{"defaults of one", variable("options: [a]\n    default: ▸[a]"), `default is a text, not a list`, ``},
	{"range as a value", "variables: [{name: r, type: range}]\npanels: [{id: a, query: 'SELECT ▸@r'}]\n", `@r is no single value`, `write @r_from and @r_to`},
	{"name that a range makes", "variables: [{name: r_to}, {name: ▸r, type: range}]\n" + panel(""), `a time range makes @r_to too`, `give one of them another name`},
	{"variable without a name", "variables:\n  - ▸label: x\n" + panel(""), `the variable has no name`, `add name:`},
	{"variable's name", "variables: [{name: ▸2x}]\n" + panel(""), `a variable cannot be called "2x"`, `use letters, digits and _, as in order_status`},
	{"same variable", "variables: [{name: x}, {name: ▸x}]\n" + panel(""), `there are two variables "x"`, `give each variable a name of its own`},
	{"unknown variable in a query", "variables: [{name: status}]\npanels:\n  - id: a\n    query: |\n      SELECT 1\n      WHERE 'ä' = ▸@staus\n",
		`unknown variable @staus`, `did you mean "status"?`},
	{"variable of a file that has none", "panels:\n  - id: a\n    query: SELECT ▸@who\n", `unknown variable @who`, `declare it: variables: [{name: who}]`},
	{"unknown anchor", "title: ▸*x\n" + panel(""), `nothing is called x with &x`, `write the value out`},
	{"merge", "panels:\n  - &p\n    id: a\n    query: SELECT 1\n  - ▸<<: *p\n    id: b\n", `merging with << is not supported`, `write the fields out`},
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			file, line, column := marked(m.file)
			b := bookOf(t, dashboard.Config{}, "x.yaml", file)
			problems := b.Problems()
			if len(problems) != 1 {
				t.Fatalf("got %d problems %v, want one", len(problems), problems)
			}
			p := problems[0]
			if p.File != "x.yaml" || p.Line != line || p.Column != column {
				t.Errorf("found at %s:%d:%d, want x.yaml:%d:%d", p.File, p.Line, p.Column, line, column)
			}
			if !strings.HasPrefix(p.What, m.what) || p.Hint != m.hint && !strings.HasPrefix(p.Hint, strings.TrimSuffix(m.hint, "…")) {
				t.Errorf("says %q, %q; want %q, %q", p.What, p.Hint, m.what, m.hint)
			}
			if p.Note {
				t.Error("a mistake is a note")
			}
			if line > 0 && !strings.HasSuffix(p.Excerpt, "^") {
				t.Errorf("excerpt has no mark: %q", p.Excerpt)
			}
		})
	}
}
