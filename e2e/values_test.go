package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowcast/rowcast/delta"
	"github.com/rowcast/rowcast/internal/pgtest"
)

// torture is one row of values that programs get wrong.
const torture = `
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN small AS int CHECK (VALUE < 10);
CREATE DOMAIN smalls AS small[];
CREATE TYPE mood AS ENUM ('', 'so so', 'très "bien"');
CREATE TABLE torture AS SELECT 1 AS id,
	'NaN'::float8 AS nan, '-Infinity'::float8 AS below, '-0'::float8 AS minus_zero, 1e-307::float8 AS tiny, 0.1::float4 AS tenth,
	'NaN'::numeric AS nan_numeric, 'Infinity'::numeric AS inf_numeric, (repeat('9', 1000) || '.' || repeat('1', 1000))::numeric AS long_numeric,
	9007199254740993::int8 AS beyond_double, '-9223372036854775808'::int8 AS least, (-32768)::int2 AS least_small,
	'infinity'::timestamptz AS forever, '-infinity'::date AS never, '4713-01-01 00:00:00 BC'::timestamp AS before_christ,
	'0044-03-15 BC'::date AS ides, '294276-12-31 23:59:59.999999'::timestamp AS last_moment, '24:00:00'::time AS midnight,
	'12:00:00+15:59'::timetz AS far_zone, '-178000000 years -11 mons 3 days -04:05:06.789'::interval AS long_interval,
	''::text AS empty, NULL::text AS nothing, E'\x01\x02\x1b[31m\x7f\t\r\n' AS controls, U&'\202Eabc\2066\2069\200F' AS bidi,
	U&'\2028\2029</script><!--&' AS script, U&'\+01F469\200D\+01F680' AS emoji, 'e' || repeat(U&'\0301', 200) AS zalgo,
	repeat('megabyte', 131072) AS megabyte, '\xdeadbeef00'::bytea AS bytes,
	'{"lone":"\ud800","dup":1,"dup":2}'::json AS lone, '{"deep":[[[[null]]]],"big":1e400}'::jsonb AS deep, 'null'::jsonb AS json_null,
	ARRAY[NULL, '', 'NULL', '"', '\', '{}'] AS array_of_texts, '[-1:0][2:3]={{1,2},{3,4}}'::int[] AS odd_bounds, '{}'::int[] AS no_items,
	'empty'::int4range AS no_range, '(,)'::tstzrange AS all_times, '{[1,2),[5,)}'::int8multirange AS ranges,
	ROW(1, E'a,"b\\')::pair AS composite, ARRAY[ROW(NULL, '')::pair] AS composites, 5::small AS domain_value, '{1,NULL}'::smalls AS domain_array,
	'très "bien"'::mood AS mood, ''::mood AS no_mood,
	'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS id_of, '2001:db8::/32'::cidr AS network, '::1'::inet AS host, '08:00:2b:01:02:03'::macaddr AS mac,
	'08:00:2b:01:02:03:04:05'::macaddr8 AS mac8, B'10101' AS bits, B'0'::varbit AS varying, '((1,2),(3,4))'::box AS box, '(1,NaN)'::point AS point,
	'<(0,0),1e300>'::circle AS circle, '{1,-1,0}'::line AS line, '[(0,0),(1,1)]'::lseg AS segment, '((0,0),(1,1),(2,0))'::polygon AS polygon, '[(0,0)]'::path AS path,
	'''a'' & b'::tsquery AS question, 'a:1A b'::tsvector AS words, '<a>&amp;</a>'::xml AS markup, '-92233720368547758.08'::money AS money,
	'torture_none'::name AS name_of, 'x'::"char" AS single, 'ab'::char(5) AS padded, 'pg_class'::regclass AS class_of, 26::oid AS oid_of,
	'16/B374D848'::pg_lsn AS place, '10:20:10,14'::pg_snapshot AS snap, '$.a[*]'::jsonpath AS json_path, true AS yes;
ALTER TABLE torture ADD PRIMARY KEY (id);`

// TestValues holds that values arrive exactly as PostgreSQL writes them, on a
// table's page and a dashboard's, first and when they change; that a row can be
// found by any of them, or is said why not; and that panels without columns and
// with columns of the same name are panels like others.
func TestValues(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	db.Script(t, torture)
	dir := dashboards(t, map[string]string{"values.yaml": yaml("Values",
		question{id: "all", query: "SELECT * FROM torture ORDER BY id DESC"},
		question{id: "twice", query: "SELECT id, id, nan AS id FROM torture ORDER BY torture.id DESC"},
		question{id: "none", query: "SELECT FROM torture"},
	)})
	server := start(t, binary(t), nil, "serve", "--database-url", db.URL, "--listen", "127.0.0.1:0", "--dashboards", dir)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	conn := db.Conn(t)
	pages := map[string][]question{
		"/t/public.torture": {{id: "rows", query: "SELECT * FROM torture ORDER BY id DESC"}},
		"/d/values": {
			{id: "all", query: "SELECT * FROM torture ORDER BY id DESC"},
			{id: "twice", query: "SELECT id, id, nan AS id FROM torture ORDER BY torture.id DESC"},
			{id: "none", query: "SELECT FROM torture"},
		},
	}
	var sights []*sight
	var looking sync.WaitGroup
	for address, asked := range pages {
		s := &sight{viewer: newViewer(server.URL, address), asked: asked}
		sights = append(sights, s)
		looking.Go(func() { _ = s.follow(ctx) })
	}
	defer looking.Wait()
	defer cancel()
	shown := func(when string) {
		t.Helper()
		for _, s := range sights {
			want := map[string][][]delta.Cell{}
			for _, q := range s.asked {
				var err error
				if want[q.id], err = answerTo(ctx, conn.PgConn(), q); err != nil {
					t.Fatal(err)
				}
			}
			limited, done := context.WithTimeout(ctx, 15*time.Second)
			diff := "nothing"
			err := s.until(limited, func(screen *delta.State, _ *delta.Status) bool {
				diff = s.unlike(screen, want)
				return diff == ""
			})
			done()
			if err != nil {
				t.Fatalf("%s, %s: %s", when, s.page, diff)
			}
		}
	}
	shown("at first")
	db.Exec(t, `UPDATE torture SET nan = '-Infinity', controls = NULL, nothing = E'\x01', long_numeric = -long_numeric, megabyte = '.' || megabyte`)
	shown("after a change")
	db.Exec(t, `INSERT INTO torture (id) VALUES (2)`)
	shown("after a row of nulls")

	rows, err := answerTo(ctx, conn.PgConn(), question{query: "SELECT * FROM torture WHERE id = 1"})
	if err != nil {
		t.Fatal(err)
	}
	screen, _, _ := sights[0].now()
	for i, column := range screen.Panels[sights[0].asked[0].id].Columns {
		cell := rows[0][i]
		if cell.Null || len(cell.Text) > 1000 {
			continue
		}
		askFor(t, server.URL, column.Name, cell.Text)
	}
}

// askFor asks for the rows with this value: they are there, or the filter is
// refused for what it is.
func askFor(t *testing.T, server, column, value string) {
	t.Helper()
	address := "/t/public.torture?where=" + url.QueryEscape(column+".is."+value)
	res, err := http.Get(server + "api/v1/snapshot?page=" + url.QueryEscape(address))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var page struct {
		Panels map[string]struct {
			Rows  []any
			Error any
		}
		Error struct{ Code, Message string }
	}
	if err := json.NewDecoder(res.Body).Decode(&page); err != nil {
		t.Errorf("%s: %v", column, err)
		return
	}
	said := fmt.Sprintf("%s = %q: %d %v", column, value, res.StatusCode, page.Error)
	switch rows := page.Panels["rows"]; {
	case res.StatusCode == http.StatusBadRequest && page.Error.Code == "bad_request":
		t.Log(said)
	case res.StatusCode != http.StatusOK || rows.Error != nil:
		t.Errorf("%s %v", said, rows.Error)
	case len(rows.Rows) != 1 && !strings.Contains(column, "tenth"): // a float4 is what its text is near to
		t.Errorf("%s: %d rows", said, len(rows.Rows))
	}
}
