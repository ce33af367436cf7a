package web

import (
	"encoding/json"
	"strings"

	"github.com/rowcast/rowcast/dashboard"
)

// tableJSON is what a table page is besides its rows: what the address may ask
// for, and what it asks for. Addresses have no base path, URLs (csv and the
// like) have it.
type tableJSON struct {
	Address      string            `json:"address"` // of the table as it is without any parameter
	Schema       string            `json:"schema"`
	Name         string            `json:"name"`
	Kind         string            `json:"kind"` // "table", "partitioned table", "view", "materialized view" or "foreign table"
	Live         bool              `json:"live"`
	Columns      []tableColumnJSON `json:"columns"`
	Key          []string          `json:"key"`
	ForeignKeys  []foreignKeyJSON  `json:"foreign_keys"`
	ReferencedBy []foreignKeyJSON  `json:"referenced_by"`
	Shown        []string          `json:"shown"`
	AllColumns   bool              `json:"all_columns"` // shown is not the address's choice
	Sort         []sortTermJSON    `json:"sort"`
	DefaultSort  bool              `json:"default_sort"` // sort is not the address's choice
	Where        []filterJSON      `json:"where"`
	Search       string            `json:"search"`
	Rows         int               `json:"rows"`
	PageSizes    []int             `json:"page_sizes"`
	Page         int               `json:"page"`
	Count        *dashboard.Count  `json:"count"` // null: not known without asking
	CSV          string            `json:"csv"`   // of all rows that the filters leave
	JSON         string            `json:"json"`
	PageCSV      string            `json:"page_csv"`  // of this page's rows
	Dashboard    string            `json:"dashboard"` // a first one, as a file
}

type tableColumnJSON struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Kind       string         `json:"kind"`
	NotNull    bool           `json:"not_null"`
	PrimaryKey bool           `json:"primary_key"`
	References *referenceJSON `json:"references,omitempty"`
	Enum       []string       `json:"enum,omitempty"`
	Sortable   bool           `json:"sortable"`
	Operators  []string       `json:"operators"`
}

// referenceJSON leads to the row that a cell names: the address is where and
// the cell, percent-encoded.
type referenceJSON struct {
	Table   string `json:"table"` // as SQL writes it
	Address string `json:"address"`
	Column  string `json:"column"`
	Where   string `json:"where"`
}

type foreignKeyJSON struct {
	Columns    []string `json:"columns"`
	Table      string   `json:"table"`
	Address    string   `json:"address"`
	References []string `json:"references"`
}

type sortTermJSON struct {
	Column string `json:"column"`
	Desc   bool   `json:"desc"`
}

type filterJSON struct {
	Column string   `json:"column"`
	Op     string   `json:"op"`
	Value  string   `json:"value"`
	Values []string `json:"values,omitempty"` // of a list
}

// describeTable tells what the page's table is; nil for a dashboard.
func describeTable(v *visitor, page *dashboard.Page) *tableJSON {
	t := page.Table
	if t == nil {
		return nil
	}
	kind := relation(t.RelKind)
	switch kind {
	case "":
		kind = "table"
	case "partitioned":
		kind = "partitioned table"
	}
	own, _, _ := strings.Cut(page.Address, "?")
	m := &tableJSON{
		Address: own, Schema: t.Schema, Name: t.Name, Kind: kind, Live: t.Live,
		Columns: []tableColumnJSON{}, Key: filled(t.Key), ForeignKeys: v.foreignKeys(t.ForeignKeys), ReferencedBy: v.foreignKeys(t.ReferencedBy),
		Shown: filled(t.Shown), AllColumns: t.AllColumns, Sort: []sortTermJSON{}, DefaultSort: t.DefaultSort, Where: []filterJSON{},
		Search: t.Search, Rows: t.Rows, PageSizes: filled(t.PageSizes), Page: t.Page, Count: t.Estimate(),
		CSV: v.file(page.Address, "all.csv"), JSON: v.file(page.Address, "all.json"), PageCSV: v.file(page.Address, "rows.csv"),
		Dashboard: v.file(own, "dashboard.yaml"),
	}
	for _, c := range t.Columns {
		column := tableColumnJSON{
			Name: c.Name, Type: c.Type, Kind: string(c.Kind), NotNull: c.NotNull, PrimaryKey: c.PrimaryKey,
			Enum: c.Enum, Sortable: c.Sortable, Operators: filled(c.Operators),
		}
		if r := c.References; r != nil && v.mayReference(r.Address) {
			column.References = &referenceJSON{r.Table, r.Address, r.Column, r.Where()}
		}
		m.Columns = append(m.Columns, column)
	}
	for _, term := range t.Sort {
		m.Sort = append(m.Sort, sortTermJSON(term))
	}
	for _, f := range t.Where {
		m.Where = append(m.Where, filterJSON{f.Column, f.Op, f.Value, f.Values()})
	}
	return m
}

// foreignKeys are those that lead to tables of which the visitor may know.
func (v *visitor) foreignKeys(keys []dashboard.ForeignKey) []foreignKeyJSON {
	list := []foreignKeyJSON{}
	for _, k := range keys {
		if v.mayReference(k.Address) {
			list = append(list, foreignKeyJSON(k))
		}
	}
	return list
}

// tableData is the same for the page's own code, which so need not ask for it.
func tableData(v *visitor, page *dashboard.Page) string {
	b, err := json.Marshal(describeTable(v, page))
	if err != nil {
		panic(err) // it is plain data
	}
	return string(b)
}

// filled is a list that is never null in JSON.
func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
