package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// meantSQL lists what the role may read: how it is written, its name and its
// columns.
const meantSQL = `SELECT n.nspname::text, c.relname::text,
  CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN '' ELSE pg_catalog.quote_ident(n.nspname) || '.' END || pg_catalog.quote_ident(c.relname),
  (SELECT coalesce(pg_catalog.array_agg(a.attname::text ORDER BY a.attnum), '{}') FROM pg_catalog.pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'rowcast')
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND (pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT'))
ORDER BY 1, 2 LIMIT 5000`

// legible is one of them.
type legible struct {
	Schema, Name, Spelled string
	Columns               []string
}

// fewColumns is how many names a hint lists at most.
const fewColumns = 12

// meant suggests a table or column that there is for one that there is not; ""
// where none is like it, or nobody can say.
func (c *checker) meant(ctx context.Context, pg *pgconn.PgError, sql string) string {
	const noTable, noColumn = "42P01", "42703"
	kind, name, ok := strings.Cut(strings.TrimSuffix(pg.Message, " does not exist"), " ")
	name = strings.ReplaceAll(name, `"`, "")
	if !ok || pg.Code != noTable && pg.Code != noColumn || kind != "relation" && kind != "column" {
		return ""
	}
	rows, err := c.db.Query(ctx, meantSQL)
	if err != nil {
		return ""
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[legible])
	if err != nil {
		return ""
	}
	schema, last := "", name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		schema, last = name[:i], name[i+1:]
	}
	if kind == "relation" {
		return nearestTable(schema, last, all)
	}
	columns := namedColumns(sql, all)
	hint := didYouMean(last, columns)
	if len(columns) > fewColumns && !strings.HasPrefix(hint, "did") {
		return ""
	}
	return hint
}

// nearestTable is the table whose name is most like the one that was written.
func nearestTable(schema, name string, all []legible) string {
	best, least := "", 2*(len([]rune(name))/3+1)+1 // in halves: another schema is half a letter
	for _, r := range all {
		distance := 2 * editDistance(strings.ToLower(name), strings.ToLower(r.Name))
		if schema != "" && schema != r.Schema {
			distance++
		}
		if distance < least || distance == least && best == "" {
			best, least = r.Spelled, distance
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s?", best)
}

// namedColumns are the columns of the tables that a query names.
func namedColumns(sql string, all []legible) (columns []string) {
	tokens := lex(sql)
	for _, r := range all {
		named := slices.ContainsFunc(tokens, func(t lexeme) bool { return strings.EqualFold(strings.Trim(t.text, `"`), r.Name) })
		for _, name := range r.Columns {
			if named && !slices.Contains(columns, name) {
				columns = append(columns, name)
			}
		}
	}
	return columns
}
