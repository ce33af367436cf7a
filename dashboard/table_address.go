package dashboard

import (
	"slices"
	"strconv"
	"strings"
)

// Bounds of what a table's address may ask for.
const (
	mostFilters = 32
	mostItems   = 100       // of one filter
	deepestRow  = 1_000_000 // rows that may be skipped to reach a page
)

// pageSizes are how many rows a table page may show.
var pageSizes = []int{50, 100, 200, 500, 1000}

// tableQuery is what an address asks of a table, not yet held against it.
type tableQuery struct {
	sort    []SortTerm
	where   []Filter
	search  string
	columns []string // empty: all
	rows    int      // 0: as many as usual
	page    int      // from 1
}

// parseTableQuery reads the parameters that mean something to a table page.
func parseTableQuery(a address) (q tableQuery, err error) {
	if q.sort, err = parseSort(a.first("sort")); err != nil {
		return q, err
	}
	for _, text := range a.values["where"] {
		f, err := parseFilter(text)
		if err != nil {
			return q, err
		}
		q.where = append(q.where, f)
	}
	if len(q.where) > mostFilters {
		return q, refuse("bad_request", "an address has at most %d filters", mostFilters)
	}
	q.search = strings.TrimSpace(a.first("search"))
	if q.columns, err = parseNames(a.first("columns")); err != nil {
		return q, refuse("bad_request", "columns is a list of columns, such as id,status")
	}
	if q.rows, err = parseNumber(a, "rows", 0); err != nil {
		return q, err
	}
	q.page, err = parseNumber(a, "page", 1)
	return q, err
}

// parseNumber reads a whole number from 1.
func parseNumber(a address, name string, preset int) (int, error) {
	text := a.first(name)
	if text == "" {
		return preset, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, refuse("bad_request", "%s is a number from 1, not %q", name, clip(text))
	}
	return n, nil
}

// parseSort reads a comma list of column names, each with an optional leading
// "-"; a name may be quoted.
func parseSort(s string) ([]SortTerm, error) {
	var terms []SortTerm
	err := eachName(s, func(desc bool, name string) {
		if !slices.ContainsFunc(terms, func(o SortTerm) bool { return o.Column == name }) {
			terms = append(terms, SortTerm{name, desc})
		}
	})
	if err != nil {
		return nil, refuse("bad_request", "sort is a list of columns, such as -placed_at,id")
	}
	return terms, nil
}

// parseNames reads a comma list of column names.
func parseNames(s string) ([]string, error) {
	var names []string
	directed := false
	err := eachName(s, func(desc bool, name string) {
		directed = directed || desc
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	})
	if directed {
		return nil, errList
	}
	return names, err
}

var errList = refuse("bad_request", "a list of names ends in the middle")

// eachName takes a comma list apart.
func eachName(s string, add func(desc bool, name string)) error {
	for s != "" {
		desc := strings.HasPrefix(s, "-")
		name, rest, ok := cutName(strings.TrimPrefix(s, "-"), ',')
		if !ok || rest == "," {
			return errList
		}
		add(desc, name)
		s = strings.TrimPrefix(rest, ",")
	}
	return nil
}

// cutName reads a name, quoted or not, that ends before the separator or with
// the text. The rest begins with the separator, or is empty.
func cutName(s string, separator byte) (name, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		name, rest, ok = unquoteIdent(s)
		return name, rest, ok && name != "" && (rest == "" || rest[0] == separator)
	}
	end := strings.IndexByte(s, separator)
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:], end > 0
}

// writeName quotes a name where a list or a filter would misread it.
func writeName(name string) string {
	if strings.HasPrefix(name, "-") || strings.ContainsAny(name, `.,"`) {
		return quote(name)
	}
	return name
}

// parseItems reads the values of a list, quoted like names; "" stands for the
// empty text.
func parseItems(s string) ([]string, bool) {
	var items []string
	for {
		var item string
		if strings.HasPrefix(s, `"`) {
			var ok bool
			if item, s, ok = unquoteIdent(s); !ok || s != "" && s[0] != ',' {
				return nil, false
			}
		} else {
			end := strings.IndexByte(s, ',')
			if end < 0 {
				end = len(s)
			}
			item, s = s[:end], s[end:]
		}
		if !slices.Contains(items, item) {
			items = append(items, item)
		}
		if s == "" {
			return items, true
		}
		s = s[1:]
	}
}

// writeItems percent-encodes a list; its commas stay commas.
func writeItems(items []string) string {
	written := make([]string, len(items))
	for i, item := range items {
		if strings.ContainsAny(item, `,"`) {
			item = quote(item)
		}
		written[i] = escape(item)
	}
	return strings.Join(written, ",")
}

// SortBy is the address of the same rows in another order, from the first page
// on; with no terms it is the page's own order.
func (t *Table) SortBy(terms ...SortTerm) string {
	other := *t
	other.Sort, other.DefaultSort, other.Page = terms, len(terms) == 0, 1
	return other.address()
}

// address is canonical: what is as it would be anyway is left out.
func (t *Table) address() string {
	var parameters []string
	if !t.DefaultSort {
		terms := make([]string, len(t.Sort))
		for i, s := range t.Sort {
			terms[i] = escape(writeName(s.Column))
			if s.Desc {
				terms[i] = "-" + terms[i]
			}
		}
		parameters = append(parameters, "sort="+strings.Join(terms, ","))
	}
	for _, f := range t.Where {
		parameters = append(parameters, "where="+f.written())
	}
	if t.Search != "" {
		parameters = append(parameters, "search="+escape(t.Search))
	}
	if !t.AllColumns {
		names := make([]string, len(t.Shown))
		for i, name := range t.Shown {
			names[i] = escape(writeName(name))
		}
		parameters = append(parameters, "columns="+strings.Join(names, ","))
	}
	if t.Rows != t.usualRows {
		parameters = append(parameters, "rows="+strconv.Itoa(t.Rows))
	}
	if t.Page > 1 {
		parameters = append(parameters, "page="+strconv.Itoa(t.Page))
	}
	address := tableAddress(t.quoted)
	if len(parameters) > 0 {
		address += "?" + strings.Join(parameters, "&")
	}
	return address
}

// tableAddress is canonical if quoted is what the server's quote_ident makes of
// schema and table: which words it quotes depends on its version.
func tableAddress(quoted string) string { return "/t/" + escape(quoted) }
