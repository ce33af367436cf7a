package dashboard

import (
	"errors"
	"slices"
)

// ofTheServer are the classes of PostgreSQL's errors that speak of sessions, names
// and the server. Those of others quote data, as 22 and 23 do, or are what a
// function raises, in its own words.
var ofTheServer = []string{"08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58", "XX"}

// Loggable is what a log may have of an error: of one of PostgreSQL that may quote
// values, its code alone.
func Loggable(err error) any {
	var pg interface{ SQLState() string }
	if errors.As(err, &pg) {
		if code := pg.SQLState(); len(code) != 5 || !slices.Contains(ofTheServer, code[:2]) {
			return "SQLSTATE " + code
		}
	}
	return err
}
