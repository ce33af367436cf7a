package dashboard

import (
	"fmt"
	"slices"
	"strings"
)

// query is a checked and bound SQL text.
type query struct {
	sql     string   // with $1 … in place of variables, no semicolon at the end
	binds   []splice // where the two texts part
	args    []string // names of the parameters $1 …
	clock   bool
	ordered bool
}

// splice is one variable's place: bytes of the text as written, and how long
// the text in its place is.
type splice struct{ start, end, length int }

// written turns a byte of the bound text into the byte of the text as written.
func written(binds []splice, at int) int {
	shift := 0
	for _, s := range binds {
		if at < s.start+shift {
			break
		}
		if at < s.start+shift+s.length {
			return s.start
		}
		shift += s.length - (s.end - s.start)
	}
	return at - shift
}

// fault is what is wrong at a byte of a query.
type fault struct {
	at         int
	what, hint string
}

// bind checks what can be known without a database, and puts bind parameters
// in place of variables. symbols are the names that are declared.
func bind(sql string, symbols []symbol) (query, []fault) {
	tokens := lex(sql)
	known := usable(symbols)
	q := query{}
	var faults []fault
	fail := func(at int, hint, what string, args ...any) {
		faults = append(faults, fault{at, fmt.Sprintf(what, args...), hint})
	}
	end := len(sql)
	for i, t := range tokens {
		switch {
		case t.kind == tokenBroken:
			fail(t.start, "", "%s that begins here does not end", unfinished(t.text))
		case t.kind == tokenParam:
			fail(t.start, "write @name and declare the variable", "%s is not a variable", t.text)
		case t.kind == tokenVariable && !slices.Contains(known, t.text[1:]):
			if s := find(symbols, t.text[1:]); s != nil {
				fail(t.start, s.hint, "%s is no single value", t.text)
				continue
			}
			fail(t.start, unknownVariable(t.text[1:], known), "unknown variable %s", t.text)
		case t.kind == tokenOperator && len(t.text) > 1 && strings.HasSuffix(t.text, "@") && touches(tokens, i, known):
			fail(t.start, "put a space before the @ of a variable, or after an operator",
				"%s%s can be read in two ways", t.text, tokens[i+1].text)
		case t.text == ";":
			if i+1 < len(tokens) {
				fail(tokens[i+1].start, "make it a panel of its own", "a panel takes one query, and a second statement begins here")
				return q, faults
			}
			end = t.start
		}
	}
	if len(tokens) == 0 || tokens[0].text == ";" {
		fail(0, "write a SELECT", "the query is empty")
		return q, faults
	}
	faults = append(faults, writes(tokens)...)
	faults = append(faults, frozen(tokens)...)
	if len(faults) > 0 {
		return q, faults
	}
	q.clock, q.ordered = namesClock(tokens), ordered(tokens)
	q.splice(sql[:end], tokens, symbols)
	return q, nil
}

// find is the symbol of a name, or nil.
func find(symbols []symbol, name string) *symbol {
	for i := range symbols {
		if symbols[i].name == name {
			return &symbols[i]
		}
	}
	return nil
}

// usable are the names that a query may use.
func usable(symbols []symbol) (names []string) {
	for _, s := range symbols {
		if s.form != "" {
			names = append(names, s.name)
		}
	}
	return names
}

func (q *query) splice(sql string, tokens []lexeme, symbols []symbol) {
	var b strings.Builder
	last := 0
	for i, t := range tokens {
		if t.kind != tokenVariable {
			continue
		}
		param := q.place(find(symbols, t.text[1:]))
		if i > 0 && tokens[i-1].end == t.start && tokens[i-1].kind <= tokenVariable {
			param = " " + param // else "$1" could become part of a word
		}
		b.WriteString(sql[last:t.start])
		b.WriteString(param)
		last = t.end
		q.binds = append(q.binds, splice{t.start, t.end, len(param)})
	}
	b.WriteString(sql[last:])
	q.sql = strings.TrimRight(b.String(), " \t\r\n")
}

// place is what stands for a symbol; each of its parameters has one number.
func (q *query) place(s *symbol) string {
	numbers := make([]any, len(s.params))
	for i, name := range s.params {
		n := slices.Index(q.args, name)
		if n < 0 {
			n = len(q.args)
			q.args = append(q.args, name)
		}
		numbers[i] = n + 1
	}
	return fmt.Sprintf(s.form, numbers...)
}

// touches tells whether a variable's name follows the operator without a space.
func touches(tokens []lexeme, i int, known []string) bool {
	return i+1 < len(tokens) && tokens[i+1].kind == tokenWord && tokens[i+1].start == tokens[i].end &&
		slices.Contains(known, tokens[i+1].text)
}

func unknownVariable(name string, known []string) string {
	if len(known) == 0 {
		return fmt.Sprintf("declare it: variables: [{name: %s}]", name)
	}
	return didYouMean(name, known)
}

func unfinished(text string) string {
	switch {
	case strings.HasPrefix(text, "/*"):
		return "the comment"
	case strings.HasPrefix(text, `"`):
		return "the quoted name"
	}
	return "the string"
}

// writes finds statements that do something other than read. What a function
// does stays unknown here; a panel's transaction is read-only anyway.
func writes(tokens []lexeme) []fault {
	var first lexeme
	for _, t := range tokens {
		if t.text != "(" {
			first = t
			break
		}
	}
	switch word(first) {
	case "select", "values", "table", "with":
	default:
		if first.kind != tokenWord {
			return []fault{{first.start, "the query has to begin with SELECT, WITH, VALUES or TABLE", ""}}
		}
		what := fmt.Sprintf("%s is not a query: a panel only reads", strings.ToUpper(first.text))
		return []fault{{first.start, what, "write SELECT, WITH, VALUES or TABLE"}}
	}
	const hint = "rowcast never writes; let the program that owns the data do it"
	for i, t := range tokens {
		next := func(n int) string {
			if i+n < len(tokens) {
				return word(tokens[i+n])
			}
			return ""
		}
		switch word(t) {
		case "insert", "update", "delete", "merge":
			if i > 1 && tokens[i-1].text == "(" && (word(tokens[i-2]) == "as" || word(tokens[i-2]) == "materialized") &&
				word(first) == "with" {
				return []fault{{t.start, fmt.Sprintf("%s in WITH writes: a panel only reads", strings.ToUpper(t.text)), hint}}
			}
		case "for":
			if n := next(1); (n == "update" || n == "share" || n == "no" && next(2) == "key" || n == "key" && next(2) == "share") &&
				(i+2 >= len(tokens) || tokens[i+2].text != "(") {
				return []fault{{t.start, "FOR " + strings.ToUpper(tokens[i+1].text) + " locks rows: a panel only reads", "leave it out"}}
			}
		}
	}
	return nil
}

// word is the token as a lower-case keyword, or "".
func word(t lexeme) string {
	if t.kind != tokenWord {
		return ""
	}
	return strings.ToLower(t.text)
}

// namesClock tells whether the query asks for the time or for chance, so that
// its result changes although no table does.
func namesClock(tokens []lexeme) bool {
	for i, t := range tokens {
		called := i+1 < len(tokens) && tokens[i+1].text == "("
		member := i > 0 && tokens[i-1].text == "."
		switch word(t) {
		case "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp":
			if !member {
				return true
			}
		case "now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday", "age",
			"random", "random_normal", "gen_random_uuid", "uuidv4", "uuidv7":
			if called {
				return true
			}
		}
	}
	return false
}

// frozen finds constants such as 'today'::date: PostgreSQL reads them once, when
// the query is prepared, and they would never move again.
func frozen(tokens []lexeme) (faults []fault) {
	at := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return strings.ToLower(tokens[i].text)
	}
	moment := func(i int) bool {
		return slices.Contains([]string{"date", "time", "timetz", "timestamp", "timestamptz"}, at(i))
	}
	for i, t := range tokens {
		if t.kind != tokenString || !slices.Contains([]string{"'now'", "'today'", "'tomorrow'", "'yesterday'"}, at(i)) {
			continue
		}
		if moment(i-1) || at(i-1) == "zone" || at(i+1) == ":" && at(i+2) == ":" && moment(i+3) ||
			at(i-2) == "cast" && at(i+1) == "as" && moment(i+2) {
			faults = append(faults, fault{t.start, t.text + " would stay what it is when the query is first read", "write now() or current_date"})
		}
	}
	return faults
}

// ordered tells whether the query has an ORDER BY outside all parentheses but
// those around the whole of it.
func ordered(tokens []lexeme) bool {
	tokens = slices.DeleteFunc(slices.Clone(tokens), func(t lexeme) bool { return t.text == ";" })
	for wrapped(tokens) {
		tokens = tokens[1 : len(tokens)-1]
	}
	depth := 0
	for i, t := range tokens {
		switch {
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		case depth == 0 && word(t) == "order" && i+1 < len(tokens) && word(tokens[i+1]) == "by":
			return true
		}
	}
	return false
}

// wrapped tells whether one pair of parentheses holds all.
func wrapped(tokens []lexeme) bool {
	depth := 0
	for i, t := range tokens {
		switch t.text {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth == 0 {
			return i > 0 && i == len(tokens)-1 && t.text == ")"
		}
	}
	return false
}
