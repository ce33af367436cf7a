package views

import (
	"strings"
	"time"
)

// NewStat shows the first row of a result as a big number: its first cell is the value, the others are the note below.
// No row is shown as a dash.
func NewStat(columns []Column, rows []Row, unit string) *Stat {
	if len(columns) == 0 {
		return nil
	}
	if len(rows) == 0 {
		return &Stat{Whole: "–", Note: "no rows", Cell: Cell{Null: true}}
	}
	cells := rows[0].Cells
	s := &Stat{Cell: cells[0], Whole: cells[0].Text, Unit: unit}
	if cells[0].Null {
		s.Whole, s.Title = "–", "null"
	} else if k := columns[0].kind; k == decimal {
		if whole, frac, ok := strings.Cut(s.Whole, "."); ok {
			s.Whole, s.Fraction = whole, "."+frac
		}
	}
	var notes []string
	for i := 1; i < len(columns) && i < len(cells); i++ {
		word := cells[i].Text
		if k := columns[i].kind; (k == integer || k == decimal) && !cells[i].Null {
			word += " " + lower(columns[i].Head)
		}
		notes = append(notes, word)
	}
	s.Note = strings.Join(notes, ", ")
	return s
}

// asOf names a panel's own snapshot, and how often it is read.
func asOf(p *Panel) string {
	if p.Every < time.Second {
		return "as of " + p.AsOf
	}
	return "as of " + p.AsOf + ", every " + pace(p.Every)
}

func pace(d time.Duration) string {
	words, _ := Ago(max(2*time.Second, d))
	return words
}

func lower(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'a' && s[1] <= 'z' {
		return string(s[0]-'A'+'a') + s[1:]
	}
	return s
}

// SetError tells a panel what is wrong with it, by the protocol's code and message. Rows that it has are its last good ones.
func (p *Panel) SetError(code, message string) {
	var head string
	p.State, head = panelError(code)
	p.message = message
	p.Message = &Message{Head: head, Text: problemText(message, "", "", len(p.Rows) > 0)}
}

// Draw makes the figure of a panel with a Chart from its rows as of a moment, or says why it cannot be drawn.
func (p *Panel) Draw(now time.Time) {
	var problem string
	switch p.Chart.Type {
	case "line", "area", "bar":
		p.Figure, problem = NewFigure(p.Columns, p.Rows, *p.Chart, now)
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
