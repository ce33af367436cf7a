package e2e_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/pgtest"
)

const replacedSchema = `
CREATE TABLE called (word text PRIMARY KEY); INSERT INTO called VALUES ('a');
CREATE FUNCTION said(word text) RETURNS text LANGUAGE sql STABLE AS 'SELECT word';
CREATE TABLE seen (word text PRIMARY KEY, secret text); INSERT INTO seen VALUES ('a', 'A');
CREATE VIEW through AS SELECT word FROM seen;
CREATE TABLE guarded (word text PRIMARY KEY); INSERT INTO guarded VALUES ('a'), ('b'), ('c');
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON guarded USING (word <> 'b');`

// testWhatIsReplaced holds that a function, a view or a policy that is another, with
// nothing written, is on the screen within the safety refresh, that the page is live
// again soon, and that what is written afterwards rings as ever. The program has a role
// to which policies apply.
func testWhatIsReplaced(t *testing.T) {
	db := pgtest.New(t)
	reader := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	db.Script(t, replacedSchema+`CREATE ROLE `+reader+` LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO `+reader)
	t.Cleanup(func() { db.Script(t, `DROP OWNED BY `+reader+`; DROP ROLE `+reader) })
	as, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := as.Query()
	q.Set("user", reader)
	as.User, as.RawQuery = nil, q.Encode()
	all := newScene(t, as.String(), map[string][]question{
		"called":  {{id: "words", query: "SELECT said(word) AS word FROM called ORDER BY word"}},
		"through": {{id: "words", query: "SELECT word FROM through ORDER BY word"}},
		"guarded": {{id: "words", query: "SELECT word FROM guarded ORDER BY word"}},
	}, nil, "--admin-database-url", db.URL, "--watch", "public.*", "--safety", safetyPace.String())

	type turn struct {
		sql, write   string
		words, after []string
	}
	turns := map[string][]turn{
		"called": {
			{`CREATE OR REPLACE FUNCTION said(word text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT word || '!' $$`, `INSERT INTO called VALUES ('b')`, []string{"a!"}, []string{"a!", "b!"}},
		},
		"through": {
			{`CREATE OR REPLACE VIEW through AS SELECT secret AS word FROM seen`, `INSERT INTO seen VALUES ('b', 'B')`, []string{"A"}, []string{"A", "B"}},
		},
		"guarded": {
			{`ALTER POLICY mine ON guarded USING (word <> 'c')`, `INSERT INTO guarded VALUES ('d')`, []string{"a", "b"}, []string{"a", "b", "d"}},
			{`CREATE POLICY further ON guarded AS RESTRICTIVE USING (word <> 'a')`, `INSERT INTO guarded VALUES ('e')`, []string{"b", "d"}, []string{"b", "d", "e"}},
		},
	}
	crew := newCrew(t, len(turns))
	defer crew.wait()
	for name, turns := range turns {
		crew.run(name, func(t *testing.T) {
			b := &blindSpot{scene: all.as(t), page: "/d/" + name, conn: db.Conn(t)}
			for _, turn := range turns {
				b.sleeps()
				script(t, b.conn, turn.sql)
				b.shows(turn.sql, safetyPace+moment, turn.words...)
				b.says("live", "", rightWithin)
				script(t, b.conn, turn.write)
				b.shows(turn.write, moment, turn.after...)
			}
		})
	}
}
