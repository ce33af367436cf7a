package live

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rowcast/rowcast/delta"
)

// statement is a prepared panel.
type statement struct {
	name    string
	columns []delta.Column
	keys    []delta.KeyChoice
	made    time.Time
}

// errTooLarge ends the connection that the result came from.
var errTooLarge = errors.New("the result is too large")

func isTooLarge(err error) bool {
	var body *pgproto3.ExceededMaxBodyLenErr
	return errors.Is(err, errTooLarge) || errors.As(err, &body)
}

// wrapper stands before a query as it is run, so that no more rows come than
// are wanted.
const wrapper = "SELECT * FROM (\n"

// prepare makes the query's statement, unless the session has it. The query
// is prepared as it was written first, so that text which only makes sense
// inside the wrapper is refused.
func (s *session) prepare(ctx context.Context, q query) error {
	if st := s.statements[q.text]; st != nil {
		if !fleeting.MatchString(q.sql) {
			return nil
		}
		delete(s.statements, q.text)
		if err := s.conn.PgConn().Deallocate(ctx, st.name); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.StatementTimeout+grace)
	defer cancel()
	if err := s.inZone(ctx, q.zone); err != nil {
		return err
	}
	conn := s.conn.PgConn()
	if _, err := conn.Prepare(ctx, "", q.sql, nil); err != nil {
		return err
	}
	s.named++
	name := "p" + strconv.Itoa(s.named)
	// The newlines keep a trailing comment from swallowing the wrapper.
	wrapped := wrapper + q.sql + "\n) q LIMIT " + strconv.Itoa(q.limit+1)
	desc, err := conn.Prepare(ctx, name, wrapped, nil)
	if err != nil {
		if c := codeOf(err); c == "42601" || c == "0A000" {
			return errNotRows
		}
		return unwrapped(err)
	}
	st := &statement{name: name, made: time.Now()}
	for _, f := range desc.Fields {
		typ, err := s.typeOf(ctx, f.DataTypeOID)
		if err != nil {
			return err
		}
		st.columns = append(st.columns, delta.Column{Name: f.Name, Type: typ.name, Enum: typ.labels})
	}
	if st.keys, err = s.uniques(ctx, desc.Fields); err != nil {
		return err
	}
	s.statements[q.text] = st
	return nil
}

// fleeting finds words in quotes that mean another moment each time the query
// is parsed; prepared once, it would stay at that of its preparation.
var fleeting = regexp.MustCompile(`(?i)'\s*(now|today|tomorrow|yesterday|allballs)\b`)

// inZone sets the session's time zone, by which literals are understood.
func (s *session) inZone(ctx context.Context, zone string) error {
	if s.zone == zone {
		return nil
	}
	err := s.conn.PgConn().ExecParams(ctx, `SELECT pg_catalog.set_config('TimeZone', $1, false)`,
		[][]byte{[]byte(zone)}, nil, nil, nil).Read().Err
	if err == nil {
		s.zone = zone
	}
	return err
}

// wait sets how long the session waits for a lock.
func (s *session) wait(ctx context.Context, limit time.Duration) error {
	if s.limit == limit {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	err := s.conn.PgConn().ExecParams(ctx, `SELECT pg_catalog.set_config('lock_timeout', $1, false)`,
		[][]byte{[]byte(milliseconds(limit))}, nil, nil, nil).Read().Err
	if err != nil {
		return fmt.Errorf("set lock timeout: %w", err)
	}
	s.limit = limit
	return nil
}

// errNotRows is what a query gets that PostgreSQL accepts by itself, but not
// as the source of rows.
var errNotRows = &pgconn.PgError{
	Code:    "42601",
	Message: "a panel takes one query that only reads: SELECT, VALUES, TABLE or WITH … SELECT",
}

// typeOf is a type as the wire names it, with its labels where it is an enum.
type typeOf struct {
	name   string
	labels []string
}

// mostLabels bounds what a column may carry: an enum with more is shown as text.
const mostLabels = 100

// findType gives a row for each label of an enum, one row for any other type.
const findType = `SELECT t.typname, e.enumlabel
FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_enum e ON e.enumtypid = t.oid
WHERE t.oid = $1::pg_catalog.oid ORDER BY e.enumsortorder LIMIT 101` // one more than may be

func (s *session) typeOf(ctx context.Context, oid uint32) (typeOf, error) {
	if known, ok := s.types[oid]; ok {
		return known, nil
	}
	res := s.conn.PgConn().ExecParams(ctx, findType, [][]byte{strconv.AppendUint(nil, uint64(oid), 10)}, nil, nil, nil).Read()
	if res.Err != nil {
		return typeOf{}, fmt.Errorf("look up type: %w", res.Err)
	}
	found := typeOf{name: "unknown"}
	for _, row := range res.Rows {
		found.name = string(row[0])
		if row[1] != nil {
			found.labels = append(found.labels, string(row[1]))
		}
	}
	if len(found.labels) > mostLabels {
		found.labels = nil
	}
	s.types[oid] = found
	return found, nil
}

// uniqueIndexes lists the unique, immediate, unconditional indexes of tables
// whose columns are all NOT NULL, the primary key first.
const uniqueIndexes = `SELECT i.indrelid, i.indkey::text
FROM pg_catalog.pg_index i
WHERE i.indrelid = ANY ($1::pg_catalog.oid[]) AND i.indisunique AND i.indimmediate AND i.indisvalid
  AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = i.indnatts
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
      WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND NOT a.attnotnull)
ORDER BY i.indisprimary DESC, i.indnatts, i.indexrelid`

// uniques are the keys that the row description offers: the unique indexes of
// its tables whose columns the result carries whole.
func (s *session) uniques(ctx context.Context, fields []pgconn.FieldDescription) ([]delta.KeyChoice, error) {
	type column struct {
		table uint32
		attr  uint16
	}
	at := map[column]int{}
	tables := map[uint32]bool{}
	var list []string
	for i, f := range fields {
		if f.TableOID == 0 {
			continue
		}
		c := column{f.TableOID, f.TableAttributeNumber}
		if _, twice := at[c]; !twice {
			at[c] = i
		}
		if !tables[f.TableOID] {
			tables[f.TableOID] = true
			list = append(list, strconv.FormatUint(uint64(f.TableOID), 10))
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	res := s.conn.PgConn().ExecParams(ctx, uniqueIndexes,
		[][]byte{[]byte("{" + strings.Join(list, ",") + "}")}, nil, nil, nil).Read()
	if res.Err != nil {
		return nil, fmt.Errorf("look up keys: %w", res.Err)
	}
	var keys []delta.KeyChoice
	for _, row := range res.Rows {
		table, _ := strconv.ParseUint(string(row[0]), 10, 32)
		var key delta.KeyChoice
		for _, a := range strings.Fields(string(row[1])) {
			attr, _ := strconv.ParseUint(a, 10, 16)
			i, ok := at[column{uint32(table), uint16(attr)}]
			if !ok {
				key = nil
				break
			}
			key = append(key, i)
		}
		if key != nil {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
