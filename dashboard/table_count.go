package dashboard

// Count is how many rows there are, or about how many.
type Count struct {
	Rows  int64 `json:"rows"`
	Exact bool  `json:"exact"` // else it is the planner's estimate
}

// Estimate is what the catalog knows about the number of rows; nil where it
// knows nothing, as of filtered rows.
func (t *Table) Estimate() *Count {
	if t.RowsEstimate < 0 || len(t.Where) > 0 || t.Search != "" {
		return nil
	}
	return &Count{Rows: t.RowsEstimate}
}
