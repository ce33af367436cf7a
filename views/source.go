package views

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/a-h/templ"
)

// Mistake is what is known of an error in a panel's query besides its message. Zero fields are not known.
type Mistake struct {
	Hint         string // what may have been meant
	Fix          string // a statement that mends it
	Position     int    // in the panel's Query, in characters from 1
	Line, Column int    // in its File; without a position where the query stands
}

// Explain adds to a panel's error what helps whoever may see its query: call it after [Panel.SetError].
func (p *Panel) Explain(m Mistake) {
	p.Message.Command = m.Fix
	p.Message.Text = problemText(p.message, m.Hint, m.Fix, len(p.Rows) > 0)
	p.Source = NewSource(p.Query, p.File, m)
}

// Locate says where in the panel's file that is which cannot be drawn: call it after [Panel.Draw].
func (p *Panel) Locate(line, column int) {
	if p.Message != nil && p.File != "" && line > 0 {
		p.Source = &Source{Where: place(p.File, line, column)}
	}
}

// problemText says what is wrong, what may have been meant and what is shown, in this order.
func problemText(message, hint, fix string, hasRows bool) string {
	parts := []string{sentence(message)}
	if hint != "" {
		parts = append(parts, sentence(hint))
	}
	if hasRows {
		parts = append(parts, "These are its last rows.")
	}
	if fix != "" {
		parts = append(parts, "Whoever owns it can run:")
	}
	return strings.Join(parts, " ")
}

// around is how many lines of a query are shown before and after the one with the mistake.
const around = 2

// NewSource is the part of a query around a mistake; the whole of it where only its place in the file is known, nil where that
// is not known either.
func NewSource(query, file string, m Mistake) *Source {
	text := []rune(query)
	if m.Position < 1 && m.Line < 1 || len(text) == 0 {
		return nil
	}
	s := &Source{}
	if file != "" && m.Line > 0 {
		s.Where = place(file, m.Line, m.Column)
	}
	if m.Position < 1 {
		s.Name = "The query"
		for i, line := range strings.Split(strings.TrimSuffix(query, "\n"), "\n") {
			s.Lines = append(s.Lines, SourceLine{Number: i + 1, Before: line})
		}
		return s
	}
	s.Name = "The query, with the mistake marked"
	from := min(m.Position-1, len(text))
	for from > 0 && (from == len(text) || unicode.IsSpace(text[from])) { // the end of the input is its last character
		from--
	}
	to := wordEnd(text, from)
	begin, marked := 0, 0
	for at := 0; at <= len(text); at++ {
		if at < len(text) && text[at] != '\n' {
			continue
		}
		line := SourceLine{Number: len(s.Lines) + 1, Before: string(text[begin:at])}
		if from >= begin && from < at {
			end := min(to, at)
			line.Before, line.Mark, line.After = string(text[begin:from]), string(text[from:end]), string(text[end:at])
			marked = len(s.Lines)
		}
		s.Lines = append(s.Lines, line)
		begin = at + 1
	}
	if n := len(s.Lines); n > 1 && s.Lines[n-1].Before == "" && s.Lines[n-1].Mark == "" { // after the last line's end
		s.Lines = s.Lines[:n-1]
	}
	s.Lines = s.Lines[max(0, marked-around):min(len(s.Lines), marked+around+1)]
	return s
}

// place is one in a file, as people say it.
func place(file string, line, column int) string {
	return fmt.Sprintf("%s, line %d, column %d", file, line, column)
}

// wordEnd is where the word ends that begins there: a name, a quoted one, a variable, or one other character.
func wordEnd(text []rune, at int) int {
	if at >= len(text) {
		return at
	}
	end := at + 1
	switch first := text[at]; {
	case first == '"' || first == '\'':
		for end < len(text) && text[end] != first && text[end] != '\n' {
			end++
		}
		return min(end+1, len(text))
	case !inWord(first) && first != '@':
		return end
	}
	for end < len(text) && inWord(text[end]) {
		end++
	}
	return end
}

func inWord(r rune) bool {
	return r == '_' || r == '.' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// marked is the text of these lines with their numbers; a template would fold its white space.
func marked(lines []SourceLine) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b strings.Builder
		for i, l := range lines {
			if i > 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, `<span class="w">%3d  </span>%s`, l.Number, templ.EscapeString(l.Before))
			if l.Mark != "" {
				fmt.Fprintf(&b, `<span class="err">%s</span>%s`, templ.EscapeString(l.Mark), templ.EscapeString(l.After))
			}
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
}
