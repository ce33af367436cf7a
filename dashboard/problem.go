package dashboard

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one mistake in a file: where, what is wrong, what would be right.
type Problem struct {
	File         string
	Line, Column int    // from 1; 0: the file as a whole
	What         string // "unknown field \"qeury\""
	Hint         string // "did you mean \"query\"?", or ""
	Note         bool   // nothing is wrong, but it is worth knowing
	Excerpt      string // the lines around it, numbered, with a mark below the place
}

// String is the problem on one line.
func (p Problem) String() string {
	s := Pos{p.File, p.Line, p.Column}.String() + ": " + p.What
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// Error makes a problem an error.
func (p Problem) Error() string { return p.String() }

// excerpt shows two lines before the place, the line itself, and a mark.
func excerpt(source string, line, column int) string {
	lines := strings.Split(source, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	width := len(strconv.Itoa(line))
	var b strings.Builder
	for n := max(1, line-2); n <= line; n++ {
		fmt.Fprintf(&b, "%*d | %s\n", width, n, clip(strings.TrimRight(lines[n-1], "\r")))
	}
	fmt.Fprintf(&b, "%*s | ", width, "")
	for i, r := range []rune(lines[line-1]) {
		if i >= column-1 || i >= longestLine {
			break
		}
		if r == '\t' {
			b.WriteRune('\t') // so that the mark stands below its place
		} else {
			b.WriteByte(' ')
		}
	}
	b.WriteByte('^')
	return b.String()
}

const longestLine = 200

func clip(s string) string {
	if r := []rune(s); len(r) > longestLine {
		return string(r[:longestLine]) + "…"
	}
	return s
}

// didYouMean suggests the known word that is nearest to what was written, or
// lists them all.
func didYouMean(word string, known []string) string {
	if best := nearest(word, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(known) == 0 {
		return ""
	}
	return "there is " + list(known)
}

// nearest is the known word that is most like what was written; "" if none is.
func nearest(word string, known []string) string {
	best, distance := "", len([]rune(word))/3+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d <= distance && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	return best
}

// list writes words as people do: a, b and c.
func list(words []string) string {
	words = slices.Clone(words)
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours between two words.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
}
