package dashboard

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a piece of SQL as far as this package needs to tell them apart.
type token struct {
	kind  tokenKind
	text  string
	at    int // byte offset
	depth int // of parentheses
}

type tokenKind byte

const (
	tokenWord     tokenKind = 'w'
	tokenVariable tokenKind = '@' // @name that is no operator
	tokenSymbol   tokenKind = 's'
	tokenLiteral  tokenKind = 'l' // strings, numbers, quoted identifiers
)

// scan cuts SQL into tokens as PostgreSQL's lexer does: comments nest, dollar
// quotes and escape strings end where they end, and a run of operator
// characters is one operator, so the @ of @> is no variable.
func scan(sql string) []token {
	var tokens []token
	depth := 0
	for i := 0; i < len(sql); {
		c := sql[i]
		start := i
		kind := tokenSymbol
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			i++
			continue
		case strings.HasPrefix(sql[i:], "--"):
			if n := strings.IndexByte(sql[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(sql)
			}
			continue
		case strings.HasPrefix(sql[i:], "/*"):
			i = skipComment(sql, i)
			continue
		case c == '\'':
			i, kind = skipQuoted(sql, i, '\'', false), tokenLiteral
		case (c == 'e' || c == 'E') && i+1 < len(sql) && sql[i+1] == '\'':
			i, kind = skipQuoted(sql, i+1, '\'', true), tokenLiteral
		case c == '"':
			i, kind = skipQuoted(sql, i, '"', false), tokenLiteral
		case c == '$':
			i, kind = skipDollar(sql, i), tokenLiteral
		case c == '(' || c == '[':
			tokens = append(tokens, token{tokenSymbol, sql[i : i+1], i, depth})
			depth++
			i++
			continue
		case c == ')' || c == ']':
			depth--
			i++
		case strings.IndexByte(operatorChars, c) >= 0:
			i = skipOperator(sql, i)
			// "=@name" is an operator and a variable to a reader, so it is to us.
			if op := sql[start:i]; strings.HasSuffix(op, "@") && !strings.HasSuffix(op, "@@") && startsWord(sql[i:]) {
				if len(op) > 1 {
					tokens = append(tokens, token{tokenSymbol, op[:len(op)-1], start, depth})
				}
				start = i - 1
				i = skipWord(sql, i)
				kind = tokenVariable
			}
		case startsWord(sql[i:]):
			i, kind = skipWord(sql, i), tokenWord
		case c >= '0' && c <= '9':
			for i < len(sql) && (sql[i] >= '0' && sql[i] <= '9' || sql[i] == '.' || sql[i] == '_' || sql[i] >= 'a' && sql[i] <= 'z') {
				i++
			}
			kind = tokenLiteral
		default:
			i++
		}
		tokens = append(tokens, token{kind, sql[start:i], start, depth})
	}
	return tokens
}

const operatorChars = "+-*/<>=~!@#%^&|`?"

func skipComment(sql string, i int) int {
	nested := 0
	for i < len(sql) {
		switch {
		case strings.HasPrefix(sql[i:], "/*"):
			nested++
			i += 2
		case strings.HasPrefix(sql[i:], "*/"):
			nested--
			i += 2
			if nested == 0 {
				return i
			}
		default:
			i++
		}
	}
	return i
}

func skipQuoted(sql string, i int, quote byte, escapes bool) int {
	for i++; i < len(sql); i++ {
		switch {
		case escapes && sql[i] == '\\':
			i++
		case sql[i] == quote:
			if i+1 < len(sql) && sql[i+1] == quote {
				i++
				continue
			}
			return i + 1
		}
	}
	return min(i, len(sql))
}

func skipDollar(sql string, i int) int {
	end := i + 1
	for end < len(sql) && (sql[end] == '_' || sql[end] >= 0x80 || isAlnum(sql[end])) {
		end++
	}
	if end >= len(sql) || sql[end] != '$' || end > i+1 && sql[i+1] >= '0' && sql[i+1] <= '9' {
		return end // $1, or a lone dollar
	}
	tag := sql[i : end+1]
	if n := strings.Index(sql[end+1:], tag); n >= 0 {
		return end + 1 + n + len(tag)
	}
	return len(sql)
}

func skipOperator(sql string, i int) int {
	start := i
	for i < len(sql) && strings.IndexByte(operatorChars, sql[i]) >= 0 {
		if i > start && (strings.HasPrefix(sql[i:], "--") || strings.HasPrefix(sql[i:], "/*")) {
			break
		}
		i++
	}
	return i
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func startsWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r == '_' || unicode.IsLetter(r)
}

func skipWord(sql string, i int) int {
	for i < len(sql) {
		r, n := utf8.DecodeRuneInString(sql[i:])
		if r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		i += n
	}
	return i
}

// bound is a query with its variables made parameters.
type bound struct {
	sql     string
	names   []string // by parameter: $1 is names[0]
	unknown []token  // variables that nobody declared
	clock   string   // the word that names the clock or chance, "" if none
	ordered bool
}

// clockWords move a result without any write.
var clockWords = map[string]bool{
	"now": true, "current_date": true, "current_time": true, "current_timestamp": true, "localtime": true,
	"localtimestamp": true, "clock_timestamp": true, "statement_timestamp": true, "transaction_timestamp": true,
	"timeofday": true, "age": true, "random": true,
}

// mustCall are those that mean it only as a function; a column may be called age.
var mustCall = map[string]bool{"now": true, "age": true, "random": true, "timeofday": true, "clock_timestamp": true,
	"statement_timestamp": true, "transaction_timestamp": true}

// bind replaces @name by $n. The same variable is the same parameter.
func bind(sql string, declared map[string]bool) bound {
	var b bound
	var out strings.Builder
	number := map[string]int{}
	last := 0
	tokens := scan(sql)
	for i, t := range tokens {
		word := strings.ToLower(t.text)
		switch t.kind {
		case tokenVariable:
			name := t.text[1:]
			if !declared[name] {
				b.unknown = append(b.unknown, t)
				continue
			}
			if number[name] == 0 {
				b.names = append(b.names, name)
				number[name] = len(b.names)
			}
			out.WriteString(sql[last:t.at])
			out.WriteString("$" + strconv.Itoa(number[name]))
			last = t.at + len(t.text)
		case tokenWord:
			if clockWords[word] && b.clock == "" && (!mustCall[word] || i+1 < len(tokens) && tokens[i+1].text == "(") {
				b.clock = word
			}
			if t.depth == 0 && word == "order" && i+1 < len(tokens) && strings.EqualFold(tokens[i+1].text, "by") {
				b.ordered = true
			}
		}
	}
	out.WriteString(sql[last:])
	b.sql = out.String()
	return b
}

func itoa(n int) string { return strconv.Itoa(n) }
