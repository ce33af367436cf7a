package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"
)

// asOf names a panel's own snapshot, and how often it is read.
func asOf(p *Panel) string {
	if p.Every < time.Second {
		return "as of " + p.AsOf
	}
	return "as of " + p.AsOf + ", every " + pace(p.Every)
}

// late tells why a panel is not there although its page is.
func late(p *Panel) templ.OrderedAttributes {
	var a attributes
	if p.Late {
		a.add("title", "It takes long. What takes long is read apart from the others, one query after another.")
	}
	return templ.OrderedAttributes(a)
}

func pace(d time.Duration) string {
	words, _ := Ago(max(2*time.Second, d))
	return words
}

// SetError tells a panel what is wrong with it, by the protocol's code and message. Rows that it has are its last good ones.
func (p *Panel) SetError(code, message string) {
	var head string
	p.State, head = panelError(code)
	p.message, p.Source = message, nil
	p.Message = &Message{Head: head, Text: problemText(message, "", "", len(p.Rows) > 0)}
}

// Misnamed is the field of the file that is why a panel cannot be drawn, and the column that it names; "" where it is not that.
func (p *Panel) Misnamed() (field, column string) {
	if p.Chart == nil {
		return "", ""
	}
	field, column, _ = p.Chart.misnamed(p.Columns)
	return field, column
}

// Draw makes the figure of a panel with a Chart from its rows as of a moment, or says why it cannot be drawn.
func (p *Panel) Draw(now time.Time) {
	var problem string
	switch p.Chart.Type {
	case "line", "area", "bar":
		p.Figure, problem = NewFigure(p.Columns, p.Rows, *p.Chart, now)
		if p.Truncated && p.Figure != nil && p.Chart.Type != "bar" {
			p.Figure.Now = nil // what is newest may not be there
		}
	default:
		p.Parts, problem = NewParts(p.Columns, p.Rows, *p.Chart)
	}
	if problem != "" {
		p.State, p.Message = "error", &Message{Head: "This cannot be drawn", Text: problem}
	}
}

func panelError(code string) (state, head string) {
	switch code {
	case "timeout":
		return "timeout", "Too slow"
	case "too_large":
		return "timeout", "Too large to show"
	case "rebuilding":
		return "timeout", "The table is being rebuilt"
	case "table_gone":
		return "error", "The table is gone"
	case "forbidden":
		return "denied", "Not for this role"
	case "query_failed":
		return "error", "The query has an error"
	default:
		return "error", "Something went wrong here"
	}
}

// sentence gives a message a capital and a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if word, _, _ := strings.Cut(s, " "); strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == "" { // not a name
		s = capital(s)
	}
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".?:") {
		return s
	}
	return s + "."
}
