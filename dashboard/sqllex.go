package dashboard

import (
	"strings"
	"unicode/utf8"
)

// tokenKind is what a piece of SQL is, as far as a dashboard has to know.
type tokenKind byte

const (
	tokenWord     tokenKind = iota // identifier or keyword, not quoted
	tokenQuoted                    // "identifier"
	tokenString                    // any string constant
	tokenNumber                    // digits and what belongs to them
	tokenVariable                  // @name
	tokenParam                     // $1
	tokenOperator                  // a run of operator characters
	tokenOther                     // one character: ( ) , ; . : [ ]
	tokenBroken                    // a string, quoted name or comment that does not end
)

// lexeme is a piece of SQL; comments and white space are left out.
type lexeme struct {
	kind       tokenKind
	start, end int    // bytes of the text
	text       string // as written
}

const operatorChars = "+-*/<>=~!@#%^&|`?"

// lex cuts SQL into tokens by PostgreSQL's rules, with
// standard_conforming_strings on, as it is unless somebody turned it off. It
// never fails; a text that does not end what it began ends in tokenBroken.
func lex(sql string) []lexeme {
	l := lexer{sql: sql}
	for l.at < len(l.sql) {
		l.next()
	}
	return l.tokens
}

type lexer struct {
	sql    string
	at     int
	tokens []lexeme
}

func (l *lexer) emit(kind tokenKind, end int) {
	l.tokens = append(l.tokens, lexeme{kind, l.at, end, l.sql[l.at:end]})
	l.at = end
}

func (l *lexer) next() {
	rest := l.sql[l.at:]
	c := rest[0]
	switch {
	case isSpace(c):
		l.at++
	case strings.HasPrefix(rest, "--"):
		if n := strings.IndexAny(rest, "\n\r"); n >= 0 {
			l.at += n
		} else {
			l.at = len(l.sql)
		}
	case strings.HasPrefix(rest, "/*"):
		l.comment()
	case c == '\'':
		l.quoted('\'', l.at+1, false)
	case c == '"':
		l.quoted('"', l.at+1, false)
	case c == '$':
		l.dollar()
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		l.number()
	case isWordStart(c):
		l.word()
	case strings.IndexByte(operatorChars, c) >= 0:
		l.operator()
	default:
		l.emit(tokenOther, l.at+1)
	}
}

// comment skips a comment; PostgreSQL's nest.
func (l *lexer) comment() {
	depth, i := 0, l.at
	for i < len(l.sql) {
		switch {
		case strings.HasPrefix(l.sql[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(l.sql[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				l.at = i
				return
			}
		default:
			i++
		}
	}
	l.emit(tokenBroken, len(l.sql))
}

// quoted reads to the closing quote; a doubled quote is part of the text, and
// in an E string so is one after a backslash.
func (l *lexer) quoted(quote byte, from int, escapes bool) {
	kind := tokenString
	if quote == '"' {
		kind = tokenQuoted
	}
	for i := from; i < len(l.sql); i++ {
		switch {
		case escapes && l.sql[i] == '\\':
			i++
		case l.sql[i] != quote:
		case i+1 < len(l.sql) && l.sql[i+1] == quote:
			i++
		default:
			if next, ok := l.continued(i + 1); escapes && ok {
				i = next
				continue
			}
			l.emit(kind, i+1)
			return
		}
	}
	l.emit(tokenBroken, len(l.sql))
}

// continued finds the quote that continues a string on a later line: an E
// string stays one there.
func (l *lexer) continued(i int) (int, bool) {
	line := false
	for ; i < len(l.sql) && isSpace(l.sql[i]); i++ {
		line = line || l.sql[i] == '\n' || l.sql[i] == '\r'
	}
	return i, line && i < len(l.sql) && l.sql[i] == '\''
}

// dollar reads $1, $$text$$ or $tag$text$tag$.
func (l *lexer) dollar() {
	i := l.at + 1
	if i < len(l.sql) && isDigit(l.sql[i]) {
		for i < len(l.sql) && isDigit(l.sql[i]) {
			i++
		}
		l.emit(tokenParam, i)
		return
	}
	for i < len(l.sql) && (isWordStart(l.sql[i]) || i > l.at+1 && isDigit(l.sql[i])) {
		i++
	}
	if i >= len(l.sql) || l.sql[i] != '$' {
		l.emit(tokenOther, l.at+1)
		return
	}
	tag := l.sql[l.at : i+1]
	if n := strings.Index(l.sql[i+1:], tag); n >= 0 {
		l.emit(tokenString, i+1+n+len(tag))
		return
	}
	l.emit(tokenBroken, len(l.sql))
}

func (l *lexer) number() {
	i := l.at
	for i < len(l.sql) && (isWordPart(l.sql[i]) || l.sql[i] == '.') {
		i++
	}
	l.emit(tokenNumber, i)
}

func (l *lexer) word() {
	i := l.at
	for i < len(l.sql) && isWordPart(l.sql[i]) {
		i++
	}
	if i < len(l.sql) {
		switch word := strings.ToLower(l.sql[l.at:i]); {
		case l.sql[i] == '\'' && word == "e":
			l.quoted('\'', i+1, true)
			return
		case l.sql[i] == '\'' && (word == "b" || word == "x" || word == "n"):
			l.quoted('\'', i+1, false)
			return
		case word == "u" && l.sql[i] == '&' && i+1 < len(l.sql) && (l.sql[i+1] == '\'' || l.sql[i+1] == '"'):
			l.quoted(l.sql[i+1], i+2, false)
			return
		}
	}
	l.emit(tokenWord, i)
}

// operator reads a run of operator characters. An @ at its end, right before a
// word, begins a variable, unless the run is an operator that ends in @.
func (l *lexer) operator() {
	i := l.at
	for i < len(l.sql) && strings.IndexByte(operatorChars, l.sql[i]) >= 0 {
		if rest := l.sql[i:]; i > l.at && (strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "/*")) {
			break
		}
		i++
	}
	run := l.sql[l.at:i]
	before, variable := strings.CutSuffix(run, "@")
	if !variable || i >= len(l.sql) || !isWordStart(l.sql[i]) || !plainOperators[before] {
		l.emit(tokenOperator, i)
		return
	}
	if before != "" {
		l.emit(tokenOperator, i-1)
	}
	for i < len(l.sql) && isWordPart(l.sql[i]) {
		i++
	}
	l.emit(tokenVariable, i)
}

// plainOperators are what may stand right before a variable without a space.
// PostgreSQL would read "=@" as one operator; nobody has one. It does have <@.
var plainOperators = map[string]bool{
	"": true, "=": true, "<>": true, "!=": true, ">": true, ">=": true, "<=": true,
	"||": true, "+": true, "-": true, "*": true, "/": true, "%": true, "->": true, "->>": true,
	"~~": true, "~~*": true, "~": true, "~*": true, "!~": true, "!~*": true, "#>": true, "#>>": true,
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'
}
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isWordStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}
func isWordPart(c byte) bool { return isWordStart(c) || isDigit(c) || c == '$' }
