package dashboard_test

import (
	"testing"

	"github.com/rowcast/rowcast/dashboard"
)

// asks is a dashboard of one query.
func asks(title, query string) string {
	return "title: " + title + "\npanels:\n  - id: a\n    query: " + query + "\n"
}

func TestMistakeInSQLKeepsTheLastGoodVersion(t *testing.T) {
	t.Parallel()
	db := database(t, `CREATE TABLE people (id int PRIMARY KEY, name text)`)
	f := followIn(t, dashboard.Config{DB: db}, map[string]string{"shop.yaml": asks("Good", "SELECT id FROM people")})
	f.replace("shop.yaml", asks("Bad", "SELECT nme FROM people"))
	f.expect("shop")
	f.title("Good", true)
	if p := page(t, f.book, "/d/shop").Problem; p.Line != 4 || p.Column != 19 || p.What != `column "nme" does not exist` || p.Excerpt == "" {
		t.Errorf("problem is %+v", p)
	}
	f.replace("shop.yaml", asks("Later", "SELECT id FROM animals"))
	f.expect("shop")
	f.title("Good", true)
	exec(t, db, `CREATE TABLE animals (id int PRIMARY KEY)`)
	f.expect("shop") // with the next look at the folder
	f.title("Later", false)
}

// TestMistakeInSQLWithoutAGoodVersion holds that a dashboard that never ran, or
// does not run any more, follows its file: its mistakes stand in its panels.
func TestMistakeInSQLWithoutAGoodVersion(t *testing.T) {
	t.Parallel()
	db := database(t, `CREATE TABLE people (id int PRIMARY KEY)`)
	f := followIn(t, dashboard.Config{DB: db}, map[string]string{"shop.yaml": asks("First", "SELECT nme FROM people")})
	f.title("First", false)
	f.replace("shop.yaml", asks("Second", "SELECT nmae FROM people"))
	f.expect("shop")
	f.title("Second", false)
	f.replace("shop.yaml", asks("Third", "SELECT id FROM people"))
	f.expect("shop")
	exec(t, db, `DROP TABLE people`)
	f.replace("shop.yaml", asks("Fourth", "SELECT id, 1 AS one FROM people"))
	f.expect("shop")
	f.title("Fourth", false)
}

// TestUnreachableDatabaseDoubtsNothing holds that a file can be changed while
// nobody can say whether its queries are right.
func TestUnreachableDatabaseDoubtsNothing(t *testing.T) {
	t.Parallel()
	db := connect(t, "host=/nowhere user=nobody")
	f := followIn(t, dashboard.Config{DB: db}, map[string]string{"shop.yaml": asks("First", "SELECT id FROM people")})
	f.replace("shop.yaml", asks("Second", "SELECT nme FROM people"))
	f.expect("shop")
	f.title("Second", false)
}
