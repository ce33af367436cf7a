package views

import "strings"

// shownRows says which rows a page of a table shows.
func shownRows(first, n int) string {
	first = max(1, first)
	switch n {
	case 0:
		return "No rows"
	case 1:
		return group(digits(first))
	}
	return group(digits(first)) + "–" + group(digits(first+n-1))
}

func totalWord(m TablePage) string {
	if m.Filters > 0 || m.Search != "" {
		return "that match"
	}
	if strings.TrimPrefix(m.Total, "~") == "1" {
		return "row"
	}
	return "rows"
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return digits(n) + " " + what + "s"
}
