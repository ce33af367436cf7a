package delta

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
)

// KeyChoice names the columns, by index, whose values together tell a result's
// rows apart. An empty choice is right for a single row only.
type KeyChoice []int

// Keys returns one key per row, unique among them, and the step that gave them.
//
// The steps are tried in this order, beginning with step from: each of the
// candidates; then the leading 0, 1, 2 … columns; then a hash of the whole row
// with an occurrence number, which always works. All but the last are taken
// only if they are unique and hold no NULL in this very result. A caller that
// passes used as the next result's from never goes back to a choice that
// failed; a change of used means that all keys changed. No rows decide nothing:
// used is from then.
//
// A key is a JSON array of the cells ("[]" for a single row without any), or
// the hash; it is opaque to clients.
func Keys(rows [][]Cell, candidates []KeyChoice, from int) (keys []string, used int) {
	if len(rows) == 0 {
		return nil, from
	}
	k := keyer{rows: rows}
	width := len(rows[0])
	for step := max(0, from); step <= len(candidates)+width; step++ {
		var choice KeyChoice
		if step < len(candidates) {
			choice = candidates[step]
		} else {
			choice = k.leading(step - len(candidates))
		}
		if k.try(choice) {
			return k.keys, step
		}
	}
	return k.hashes(), len(candidates) + width + 1
}

// keyer keeps what one attempt allocated for the next.
type keyer struct {
	rows [][]Cell
	text []byte
	ends []int
	keys []string
	seen map[string]int
	lead KeyChoice
}

func (k *keyer) leading(n int) KeyChoice {
	for len(k.lead) < n {
		k.lead = append(k.lead, len(k.lead))
	}
	return k.lead[:n]
}

func (k *keyer) try(choice KeyChoice) bool {
	if len(choice) == 0 && len(k.rows) > 1 {
		return false
	}
	for _, row := range k.rows {
		for _, c := range choice {
			if c < 0 || c >= len(row) || row[c].Null {
				return false
			}
		}
	}
	k.begin()
	for _, row := range k.rows {
		k.text = append(k.text, '[')
		for i, c := range choice {
			if i > 0 {
				k.text = append(k.text, ',')
			}
			k.text = appendText(k.text, row[c].Text)
		}
		k.text = append(k.text, ']')
		k.ends = append(k.ends, len(k.text))
	}
	k.split()
	// Texts are compared, not cells: two that differ in invalid bytes only are
	// the same key on the wire.
	if k.sorted() {
		return true
	}
	k.forget()
	for _, key := range k.keys {
		if _, twice := k.seen[key]; twice {
			return false
		}
		k.seen[key] = 1
	}
	return true
}

// sorted tells whether each key is above the one before, or each below: then no two are
// equal. A result is mostly ordered by what its rows are told apart by.
func (k *keyer) sorted() bool {
	way := 0
	for i := 1; i < len(k.keys); i++ {
		c := compareKeys(k.keys[i-1], k.keys[i])
		if c == 0 || c == -way {
			return false
		}
		way = c
	}
	return true
}

// hashes numbers equal hashes, so that even a collision gives unique keys.
func (k *keyer) hashes() []string {
	k.begin()
	var row []byte
	for _, cells := range k.rows {
		row = appendCells(row[:0], cells)
		sum := sha256.Sum256(row)
		k.text = append(k.text, '#')
		k.text = base64.RawURLEncoding.AppendEncode(k.text, sum[:12])
		k.ends = append(k.ends, len(k.text))
	}
	k.split()
	k.forget()
	for i, key := range k.keys {
		n := k.seen[key] + 1
		k.seen[key] = n
		if n > 1 {
			k.keys[i] = key + "." + strconv.Itoa(n)
		}
	}
	return k.keys
}

func (k *keyer) begin() {
	if k.keys == nil {
		k.ends = make([]int, 0, len(k.rows))
		k.keys = make([]string, 0, len(k.rows))
		k.text = make([]byte, 0, 16*len(k.rows))
	}
	k.text, k.ends, k.keys = k.text[:0], k.ends[:0], k.keys[:0]
}

// forget empties seen; many results never need it.
func (k *keyer) forget() {
	if k.seen == nil {
		k.seen = make(map[string]int, len(k.rows))
	}
	clear(k.seen)
}

// split cuts the keys out of one string, so that a thousand cost one allocation.
func (k *keyer) split() {
	all, start := string(k.text), 0
	for _, end := range k.ends {
		k.keys = append(k.keys, all[start:end])
		start = end
	}
}

// SortByKey sorts rows by key, runs of digits by their value: a result without
// ORDER BY is a set, and is sent in this order so that a plan's whims do not
// show as moves.
func SortByKey(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int { return compareKeys(a.Key, b.Key) })
}

func compareKeys(a, b string) int {
	for i, j := 0, 0; ; {
		if i == len(a) || j == len(b) {
			if c := cmp.Compare(len(a)-i, len(b)-j); c != 0 {
				return c
			}
			return cmp.Compare(a, b) // leading zeros are all that may differ
		}
		if !isDigit(a[i]) || !isDigit(b[j]) {
			if a[i] != b[j] {
				return cmp.Compare(a[i], b[j])
			}
			i, j = i+1, j+1
			continue
		}
		var x, y string
		x, i = number(a, i)
		y, j = number(b, j)
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
	}
}

// number returns the digits at s[i:] without leading zeros, and their end.
func number(s string, i int) (string, int) {
	for i < len(s) && s[i] == '0' {
		i++
	}
	start := i
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return s[start:i], i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
