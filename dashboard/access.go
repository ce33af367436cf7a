package dashboard

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// Access is who may see a dashboard, where people sign in. The zero value is
// nobody.
type Access struct {
	Everyone bool // who signed in
	Users    []string
	Groups   []string
}

// Subject is what an address names, as far as it matters for who may see it. It
// says nothing of whether the page is there.
type Subject struct {
	Kind         Kind
	Slug         string // of a dashboard
	Access       Access // that its file gives
	Schema, Name string // of a table
}

// Subject takes an address apart without asking the database. Its error is an
// *AddressError that tells nothing of what there is.
func (b *Book) Subject(at string) (Subject, error) {
	a, err := parseAddress(at)
	if err != nil {
		return Subject{}, err
	}
	s := Subject{Kind: a.kind, Slug: a.slug, Schema: a.schema, Name: a.table}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if e := b.entries[a.slug]; a.kind == KindDashboard && e != nil {
		s.Access = e.access
	}
	return s, nil
}

// Restricted tells whether some dashboard says who may see it.
func (b *Book) Restricted() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, e := range b.entries {
		if e.restricted {
			return true
		}
	}
	return false
}

// access reads who may see a dashboard.
func (d *document) access(n ast.Node) (a Access) {
	d.object(n, "access", []field{
		{"everyone", func(n ast.Node) { a.Everyone = d.yes(n, "everyone") }},
		{"users", func(n ast.Node) { a.Users = d.names(n, "users") }},
		{"groups", func(n ast.Node) { a.Groups = d.names(n, "groups") }},
	})
	return a
}

func (d *document) names(n ast.Node, what string) (all []string) {
	for _, item := range d.items(n, what) {
		name, ok := d.line(item, "an entry of "+what)
		switch {
		case !ok:
		case slices.Contains(all, name):
			d.fail(item, "keep one of them", "%s has %q twice", what, name)
		default:
			all = append(all, name)
		}
	}
	return all
}
