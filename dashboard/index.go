package dashboard

import (
	"cmp"
	"context"
	"slices"
)

// Index lists what there is to open.
type Index struct {
	Dashboards []DashboardEntry // by title
	Tables     []TableEntry     // by schema and name
}

// DashboardEntry is a dashboard on the index.
type DashboardEntry struct {
	Address, Slug, Title, Description string
	Access                            Access       // of the newest version that is right
	Panels                            []PanelEntry // in the file's order
	// Problem is set if the newest version of its file is wrong.
	Problem *Problem
	// Broken is set if it never was right, so that its address has no page.
	Broken bool
}

// PanelEntry is a panel that has a place and a title on its dashboard's page.
type PanelEntry struct{ ID, Title string }

// TableEntry is a table, view or foreign table that the role may read.
type TableEntry struct {
	Address      string
	Schema, Name string
	RelKind      string   // pg_class.relkind: "r", "p", "v", "m" or "f"
	Live         bool     // it has its bell; a view: all that it reads have theirs
	RowsEstimate int64    // -1: not known
	Columns      []string // the first ones, by name
}

// Index lists the dashboards and the tables that the role may read. Where the
// database cannot be asked, the dashboards are there all the same, and the
// error is an *AddressError with code unavailable.
func (b *Book) Index(ctx context.Context) (Index, error) {
	x := Index{Dashboards: b.dashboards()}
	if b.cfg.DB == nil {
		return x, nil
	}
	all, err := relations(ctx, b.cfg.DB)
	if err != nil {
		return x, unavailable(err)
	}
	for _, r := range all {
		if r.Readable {
			x.Tables = append(x.Tables, TableEntry{
				Address: tableAddress(r.Quoted), Schema: r.Schema, Name: r.Name, RelKind: r.Kind,
				Live: r.Live, RowsEstimate: r.RowsEstimate, Columns: r.Columns,
			})
		}
	}
	return x, nil
}

func (d *definition) entries() (all []PanelEntry) {
	for i := range d.panels {
		if p := &d.panels[i]; p.Title != "" && p.Of == "" {
			all = append(all, PanelEntry{ID: p.ID, Title: p.Title})
		}
	}
	return all
}

func (b *Book) dashboards() []DashboardEntry {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var all []DashboardEntry
	for slug, e := range b.entries {
		d := DashboardEntry{Address: dashboardAddress(slug, nil), Slug: slug, Title: slug, Access: e.access, Broken: e.good == nil}
		if e.good != nil {
			d.Title, d.Description, d.Panels = e.good.title, e.good.description, e.good.entries()
		}
		if len(e.problems) > 0 {
			d.Problem = &e.problems[0]
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(x, y DashboardEntry) int {
		return cmp.Or(cmp.Compare(x.Title, y.Title), cmp.Compare(x.Slug, y.Slug))
	})
	return all
}
