package views

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

// onPaper is how many columns a sheet of paper holds; table.css leaves the others out.
const onPaper = 12

// beyond says how many of a table's columns paper does not show, "" for none.
func beyond(columns int) string {
	if columns <= onPaper {
		return ""
	}
	return "and " + counted(columns-onPaper, "more column")
}

func totalWord(m TablePage) string {
	if m.Filters > 0 || m.Search != "" {
		return "that match"
	}
	return "rows"
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return digits(n) + " " + what + "s"
}
