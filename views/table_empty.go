package views

// nothing is why a table's page has no row.
type nothing struct{ head, text string }

func (m *TablePage) nothing() nothing {
	switch {
	case m.First > 1:
		return nothing{"No such page", "The rows end before it."}
	case m.Filters > 0 || m.Search != "":
		return nothing{"No row matches", "One appears here once it does."}
	}
	return nothing{"No rows", "The table is empty. A row appears here once it commits."}
}
