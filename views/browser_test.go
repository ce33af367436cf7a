package views_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rowcast/rowcast/internal/node"
	"github.com/rowcast/rowcast/views"
)

// TestBrowserShowsCellsAsWeDo draws values of PostgreSQL's types and holds what
// the browser's code shows of them against what the server renders first. What
// is shown shorter must be whole beside it, and a whole number keeps its digits.
// ROWCAST_CASES draws more; ROWCAST_SEED repeats them.
func TestBrowserShowsCellsAsWeDo(t *testing.T) {
	t.Parallel()
	r, n := drawn(t), 1500
	if text := os.Getenv("ROWCAST_CASES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("ROWCAST_CASES: %v", err)
		}
	}
	type asked struct {
		Name   string        `json:"name"`
		Type   string        `json:"type"`
		Raw    bool          `json:"raw"`
		Value  string        `json:"value"`
		Format *views.Format `json:"format,omitempty"`
	}
	type shown struct {
		Text, Dim, Title, Class, Glyph, Href string
		Tree                                 bool
	}
	now := time.Date(2026, 11, 20, 14, 32, 8, 0, time.UTC)
	var cells []asked
	var want []shown
	for range n {
		typ := drawnType(r)
		a := asked{Name: []string{"n", "made_at", "id", "name"}[r.IntN(4)], Type: typ, Raw: r.IntN(2) == 0, Value: drawnValue(r, typ), Format: drawnFormat(r)}
		f := views.Field{Name: a.Name, Type: a.Type}
		if a.Format != nil {
			f.Format = *a.Format
		}
		c := views.Describe([]views.Field{f}, a.Raw)[0].Cell(a.Value, false, now)
		if c.Text != a.Value && c.Raw != a.Value {
			t.Fatalf("%+v is shown as %q, and not kept", a, c.Text)
		}
		if _, err := strconv.ParseInt(a.Value, 10, 64); err == nil && strings.HasPrefix(typ, "int") && len(typ) == 4 && a.Format == nil {
			if digits := strings.NewReplacer(",", "", "−", "-").Replace(c.Text); digits != a.Value {
				t.Fatalf("%+v is shown as %q", a, c.Text)
			}
		}
		cells = append(cells, a)
		want = append(want, shown{c.Text, c.Dim, c.Title, c.Class, c.Glyph, c.Href, c.Tree})
	}
	var got []shown
	err := node.Run("format", map[string]any{"now": now, "cells": cells}, &got)
	if errors.Is(err, node.ErrNotFound) && os.Getenv("ROWCAST_REQUIRE_ALL") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i := range got {
		if got[i] != want[i] && wrong < 10 {
			wrong++
			t.Errorf("%s %q (raw %t, %s):\nthe browser shows %+v\nthe server        %+v", cells[i].Type, cells[i].Value, cells[i].Raw, formatText(cells[i].Format), got[i], want[i])
		}
	}
}

func formatText(f *views.Format) string {
	if f == nil {
		return "no format"
	}
	return fmt.Sprintf("%+v", *f)
}

// drawn is a source of random numbers; its seed is ROWCAST_SEED or drawn, and
// printed.
func drawn(t *testing.T) *rand.Rand {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("ROWCAST_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("ROWCAST_SEED: %v", err)
		}
	}
	t.Logf("ROWCAST_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 22))
}

func drawnType(r *rand.Rand) string {
	types := []string{"int2", "int4", "int8", "oid", "xid8", "numeric", "float4", "float8", "bool", "json", "jsonb", "uuid", "timestamptz", "timestamp", "bytea",
		"date", "time", "timetz", "interval", "inet", "money", "pg_lsn", "int4range", "numrange", "daterange", "tstzrange", "text", "varchar", "_text", "_int4", "_numeric", "point", "mood"}
	return types[r.IntN(len(types))]
}

func drawnFormat(r *rand.Rand) *views.Format {
	if r.IntN(3) > 0 {
		return nil
	}
	var f views.Format
	if r.IntN(2) == 0 {
		n := r.IntN(8)
		f.Decimals = &n
	}
	f.Format = []string{"", "bytes", "duration", "compact", "percent", "plain"}[r.IntN(6)]
	f.Unit = []string{"", "EUR", "%"}[r.IntN(3)]
	f.Time = []string{"", "relative", "absolute"}[r.IntN(3)]
	f.Key = r.IntN(8) == 0
	if r.IntN(4) == 0 {
		f.Thresholds = []views.Threshold{{From: -1, Color: "amber"}, {From: 1e6, Color: "red"}}
	}
	if r.IntN(8) == 0 {
		f.Colors = map[string]string{"a": "red", "0": "green", "__proto__": "blue"}
	}
	return &f
}

// drawnValue is a value as PostgreSQL writes one of this type, mostly.
func drawnValue(r *rand.Rand, typ string) string {
	digits := func(most int) string {
		var b strings.Builder
		for range 1 + r.IntN(most) {
			b.WriteByte(byte('0' + r.IntN(10)))
		}
		return b.String()
	}
	sign := []string{"", "-"}[r.IntN(2)]
	whole := strings.TrimLeft(digits(1+r.IntN(20)), "0")
	if whole == "" {
		whole, sign = "0", ""
	}
	moment := func() string {
		at := time.Unix(r.Int64N(1<<38)-1<<37, r.Int64N(1e6)*1000).UTC()
		if r.IntN(3) == 0 {
			at = time.Date(2026, 11, 20, 14, 32, 8, 0, time.UTC).Add(-time.Duration(r.Int64N(int64(100 * time.Hour))))
		}
		layout := []string{"2006-01-02 15:04:05", "2006-01-02 15:04:05.999999"}[r.IntN(2)]
		return at.Format(layout)
	}
	switch {
	case typ == "bool":
		return []string{"t", "f"}[r.IntN(2)]
	case strings.HasPrefix(typ, "int") && len(typ) == 4, typ == "oid", typ == "xid8":
		return sign + whole
	case typ == "numeric", typ == "float4", typ == "float8":
		switch r.IntN(8) {
		case 0:
			return []string{"NaN", "Infinity", "-Infinity", "-0", "0", "1e+20", "5e-324", "1.7976931348623157e+308", "0.1"}[r.IntN(9)]
		case 1:
			return sign + whole + "e" + []string{"+", "-"}[r.IntN(2)] + digits(2)
		}
		return sign + whole + "." + digits(1+r.IntN(20))
	case typ == "json", typ == "jsonb":
		return []string{`{"a": ` + whole + `.10, "b": ["` + "\u2028é🦀" + `", null]}`, `[1,2]`, `null`, `"` + strings.Repeat("é", r.IntN(200)) + `"`, `{"a":"\ud800"}`, `{}`, whole}[r.IntN(7)]
	case typ == "uuid":
		return "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
	case typ == "timestamptz":
		return moment() + []string{"+00", "+05:30", "-03"}[r.IntN(3)] + []string{"", "", "", " BC"}[r.IntN(4)]
	case typ == "timestamp":
		return []string{moment(), moment() + " BC", "infinity", "-infinity", "294276-12-31 23:59:59.999999"}[r.IntN(5)]
	case typ == "bytea":
		return `\x` + strings.Repeat("de", r.IntN(30))
	case typ == "interval":
		return []string{"00:00:00", "-178000000 years -11 mons 3 days -04:05:06.789", "1 day 02:03:04.5", "200:00:00", "-00:00:00.1", "1 mon"}[r.IntN(6)]
	case strings.HasSuffix(typ, "range"):
		return []string{"empty", "(,)", "[1,5)", "[" + whole + ",)", `["2026-11-20 10:00:00+00",infinity)`, "(-Infinity,1.50]", "[NaN,NaN]"}[r.IntN(7)]
	case typ[0] == '_':
		return []string{"{}", "{1,NULL,3}", `{"a b","\"","\\",NULL,""}`, "{{1,2},{3,4}}", "[-1:0]={1,2}", `{"NULL",null}`, `{(1\,2)}`}[r.IntN(7)]
	}
	return drawnText(r)
}

// drawnText is what people and programs write.
func drawnText(r *rand.Rand) string {
	pieces := []string{"", "a", " ", "word ", "\u202e", "\u2066", "\u200f", "\u2028", "é", "🦀", "👩\u200d🚀", "e\u0301", "\x01", "\x1b[31m", "\t", "\r\n", "\u00a0", "\ufeff", "\ufffd", "<b>", "&amp;", "\"", "'", "\\", "{", "}", ",",
		"https://example.com/", "javascript:alert(1)", "http://", "@", "%", "0", "-", "−", "1e9", "NaN", "null", "__proto__", "constructor"}
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(strings.Repeat(pieces[r.IntN(len(pieces))], 1+r.IntN(3)*r.IntN(60)))
	}
	return b.String()
}
