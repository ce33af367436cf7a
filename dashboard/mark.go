package dashboard

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// mark is a short name of what its parts say: the same for the same parts, whoever
// made them and when. Fields that are not exported do not count.
func mark(parts ...any) string {
	text, err := json.Marshal(parts) // in the order of fields, the keys of maps sorted
	if err != nil {
		panic(err) // it is plain data, and its numbers are finite
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// mark names what the file says of its page. Who may see it, and what only moves a
// place in the file, are not told by a page.
func (def *definition) mark() string {
	unplaced := func(panels []Panel) []Panel {
		panels = slices.Clone(panels)
		for i := range panels {
			panels[i].Pos.Line, panels[i].Pos.Column = 0, 0
		}
		return panels
	}
	as := RunAs{}
	if def.runAs != nil {
		as = *def.runAs
	}
	return mark(def.title, def.description, def.timeZone, def.variables, unplaced(def.panels), unplaced(def.choices), def.runAs != nil, as.role, as.settings)
}

// marked sets what the entry's pages carry: the definition that is good, and what is
// wrong with the newest version, which they show too.
func (e *entry) marked() {
	switch {
	case e.good == nil:
		e.mark = ""
	case len(e.problems) == 0:
		e.mark = e.good.mark()
	default:
		e.mark = mark(e.good.mark(), e.problems[0])
	}
}

// mark names what the catalog says of the table, so that what readers may ask of it
// has not changed while it is the same.
func (t *Table) mark(timeZone string) string {
	return mark(t.quoted, t.RelKind, t.Key, t.Columns, unordered(t.ForeignKeys), unordered(t.ReferencedBy), t.PageSizes, timeZone)
}

// unordered are the marks of foreign keys, which the catalog lists by when they were
// made, by their oids.
func unordered(keys []ForeignKey) []string {
	var marks []string
	for _, k := range keys {
		marks = append(marks, mark(k))
	}
	slices.SortFunc(marks, strings.Compare)
	return marks
}

// Current is the mark of the page that p's address would have now; "" where it would
// have none. Of a table it is p's own: the catalog is not asked.
func (b *Book) Current(p *Page) string {
	if p.Kind != KindDashboard {
		return p.Mark
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if e := b.entries[p.Slug]; e != nil {
		return e.mark
	}
	return ""
}
