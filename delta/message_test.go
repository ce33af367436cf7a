package delta_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rowcast/rowcast/delta"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.FixedZone("CET", 3600))

func TestEncodeMessages(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{string(delta.EncodeWatching("/d/shop?utm_x=1", "/d/shop")), `{"type":"watching","watch":"/d/shop?utm_x=1","page":"/d/shop"}`},
		{string(delta.EncodeError("/d/shpo", "not_found", `no dashboard named "shpo"`)), `{"type":"error","watch":"/d/shpo","code":"not_found","message":"no dashboard named \"shpo\""}`},
		{string(delta.EncodeError("", "bad_request", "m")), `{"type":"error","code":"bad_request","message":"m"}`},
		{string(delta.EncodeReload("/d/shop", "", "")), `{"type":"reload","page":"/d/shop"}`},
		{string(delta.EncodeReload("/d/shop", "af01", "")), `{"type":"reload","page":"/d/shop","version":"af01"}`},
		{string(delta.EncodeReload("/d/shop", "", "q7-_")), `{"type":"reload","page":"/d/shop","definition":"q7-_"}`},
		{string(delta.EncodeBye("restart", 1340*time.Millisecond)), `{"type":"bye","reason":"restart","retry_after_ms":1340}`},
		{string(delta.EncodeBye("restart", -1)), `{"type":"bye","reason":"restart","retry_after_ms":0}`},
		{string(delta.EncodeWatch("/d/shop", "")), `{"type":"watch","page":"/d/shop"}`},
		{string(delta.EncodeWatch("/d/shop", "k:1")), `{"type":"watch","page":"/d/shop","cursor":"k:1"}`},
		{string(delta.Watch{Page: "/d/shop", Definition: "q7-_"}.Encode()), `{"type":"watch","page":"/d/shop","definition":"q7-_"}`},
		{string(delta.EncodeStatus(delta.Status{Page: "/d/shop", State: "live", At: noon, Next: 5 * time.Second, Safety: 30 * time.Second}, noon.Add(240*time.Millisecond))),
			`{"type":"status","page":"/d/shop","state":"live","at":"2026-11-20T11:00:00.123456Z","age_ms":240,"next_ms":5000,"safety_ms":30000}`},
		{string(delta.EncodeStatus(delta.Status{Page: "p", State: "live", At: noon}, noon.Add(-time.Hour))),
			`{"type":"status","page":"p","state":"live","at":"2026-11-20T11:00:00.123456Z","age_ms":0}`},
		{string(delta.EncodeStatus(delta.Status{Page: "p", State: "stale", Since: noon, Reason: "database_unreachable", Message: "m"}, noon.Add(4100*time.Millisecond))),
			`{"type":"status","page":"p","state":"stale","since":"2026-11-20T11:00:00.123456Z","age_ms":4100,"reason":"database_unreachable","message":"m"}`},
		{string(delta.EncodeStatus(delta.Status{Page: "p", State: "timed", Every: 5 * time.Second, Tables: []string{"public.x", `public."Y"`}}, noon)),
			`{"type":"status","page":"p","state":"timed","every_ms":5000,"tables":["public.x","public.\"Y\""]}`},
		{string(delta.EncodeDelta("e:1", &delta.State{Page: "p", Cursor: "e:2", At: noon}, map[string]*delta.Change{"b": {ErrCleared: true}, "a": {At: noon, Every: time.Second}, "c": {}})),
			`{"type":"delta","page":"p","from":"e:1","cursor":"e:2","at":"2026-11-20T11:00:00.123456Z","panels":{"a":{"at":"2026-11-20T11:00:00.123456Z","every_ms":1000},"b":{"error":null},"c":{}}}`},
	} {
		if tc.got != tc.want {
			t.Errorf("got  %s\nwant %s", tc.got, tc.want)
		}
	}
}

func TestDecodeMessages(t *testing.T) {
	status := delta.Status{Page: "p", State: "stale", At: noon.UTC().Truncate(time.Microsecond), Since: noon.UTC().Truncate(time.Microsecond), Reason: "r", Message: "m",
		Every: time.Second, Next: 2 * time.Second, Safety: 3 * time.Second, Tables: []string{"a"}}
	if m := decode(t, delta.EncodeStatus(status, noon.Add(time.Second))); !reflect.DeepEqual(*m.Status, status) || m.Age != time.Second || m.Page != "p" {
		t.Errorf("status %+v, age %v", m.Status, m.Age)
	}
	if m := decode(t, delta.EncodeBye("restart", time.Second)); m.Type != delta.TypeBye || m.Reason != "restart" || m.RetryAfter != time.Second {
		t.Errorf("bye %+v", m)
	}
	if m := decode(t, delta.EncodeReload("p", "v", "d")); m.Page != "p" || m.Version != "v" || m.Definition != "d" {
		t.Errorf("reload %+v", m)
	}
	if m := decode(t, delta.EncodeError("w", "c", "m")); *m.Err != (delta.Error{Code: "c", Message: "m"}) || m.Watch != "w" {
		t.Errorf("error %+v", m)
	}
	if m := decode(t, delta.EncodeWatching("w", "p")); m.Watch != "w" || m.Page != "p" {
		t.Errorf("watching %+v", m)
	}
	if m := decode(t, []byte(`{"type":"tomorrow","x":1}`)); m.Type != "tomorrow" {
		t.Errorf("unknown type: %+v", m)
	}
	for _, bad := range []string{``, `x`, `[]`, `{"type":7}`, `{"type":"snapshot","panels":{"p":{}}}`,
		`{"type":"snapshot","panels":{"p":{"columns":[],"rows":[[]]}}}`, `{"type":"snapshot","panels":{"p":{"columns":[],"rows":[[null]]}}}`,
		`{"type":"snapshot","panels":{"p":{"columns":[],"rows":[["k","x"]]}}}`,
		`{"type":"delta","panels":{"p":{"rows":[]}}}`, `{"type":"delta","panels":{"p":{"ops":[[]]}}}`, `{"type":"delta","panels":{"p":{"ops":[["-"]]}}}`,
		`{"type":"delta","panels":{"p":{"ops":[["-",null]]}}}`, `{"type":"delta","panels":{"p":{"ops":[["=","k",{"01":"x"}]]}}}`,
		`{"type":"delta","panels":{"p":{"ops":[["=","k",{"-1":"x"}]]}}}`, `{"type":"delta","panels":{"p":{"ops":[["+","0",["k"]]]}}}`} {
		if m, err := delta.Decode([]byte(bad)); !errors.Is(err, delta.ErrMalformed) {
			t.Errorf("%s: %+v, error %v", bad, m, err)
		}
	}
}

func TestTextIsSafe(t *testing.T) {
	hostile := "</script><!--&\u2028\u2029\x00\x1f\x7f\"\\\r\n\t" + "\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80" + "é🦀\ufffd"
	b := delta.EncodeReload(hostile, hostile, hostile)
	if !utf8.Valid(b) || !json.Valid(b) || strings.ContainsAny(string(b), "<>&\u2028\u2029\n\r\x00") {
		t.Errorf("encoded as %s", b)
	}
	var m struct{ Page string }
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if want := string([]rune(hostile)); m.Page != want {
		t.Errorf("read back %q, want %q", m.Page, want)
	}
}

func FuzzText(f *testing.F) {
	f.Add("plain")
	f.Add("\xff\u2028<é")
	f.Fuzz(func(t *testing.T, s string) {
		b := delta.EncodeReload(s, s, s)
		var m struct{ Page string }
		if err := json.Unmarshal(b, &m); err != nil || !utf8.Valid(b) {
			t.Fatalf("%q: %v", b, err)
		}
		if m.Page != string([]rune(s)) {
			t.Fatalf("%q came back as %q", s, m.Page)
		}
	})
}

func TestParseWatch(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want delta.Watch
		err  error
	}{
		{in: `{"type":"watch","page":"/d/shop?status=paid","cursor":"k3f9:17"}`, want: delta.Watch{Page: "/d/shop?status=paid", Cursor: "k3f9:17"}},
		{in: `{"type":"watch","page":"/d/shop","definition":"q7-_"}`, want: delta.Watch{Page: "/d/shop", Definition: "q7-_"}},
		{in: `{"type":"watch","page":"/d/shop","definition":"","Definition":7}`, want: delta.Watch{Page: "/d/shop"}},
		{in: ` {"page":"/d/é","type":"watch","later":[1]} `, want: delta.Watch{Page: "/d/é"}},
		{in: `{"type":"watch","page":""}`},
		{in: `{"type":"watch","page":"/","PAGE":7}`, want: delta.Watch{Page: "/"}},
		{in: "{\"type\":\"watch\",\"page\":\"\xff\"}", err: delta.ErrNotUTF8},
		{in: ``, err: delta.ErrNotJSON},
		{in: `watch`, err: delta.ErrNotJSON},
		{in: `null`, err: delta.ErrNotJSON},
		{in: `["watch"]`, err: delta.ErrNotJSON},
		{in: `{"type":"watch","page":"/"} {}`, err: delta.ErrNotJSON},
		{in: `{}`, err: delta.ErrUnknownType},
		{in: `{"Type":"watch","page":"/"}`, err: delta.ErrUnknownType},
		{in: `{"type":"unwatch","page":"/"}`, err: delta.ErrUnknownType},
		{in: `{"type":null,"page":"/"}`, err: delta.ErrWrongField},
		{in: `{"type":["watch"],"page":"/"}`, err: delta.ErrWrongField},
		{in: `{"type":"watch"}`, err: delta.ErrWrongField},
		{in: `{"type":"watch","page":7}`, err: delta.ErrWrongField},
		{in: `{"type":"watch","page":"/","cursor":null}`, err: delta.ErrWrongField},
		{in: `{"type":"watch","page":"/","cursor":17}`, err: delta.ErrWrongField},
		{in: `{"type":"watch","page":"/","definition":null}`, err: delta.ErrWrongField},
		{in: `{"type":"watch","page":"/","definition":["q7-_"]}`, err: delta.ErrWrongField},
		{in: `{"type":"watch","page":"/","definition":"` + strings.Repeat("x", delta.MaxWatch) + `"}`, err: delta.ErrTooLong},
		{in: `{"type":"watch","page":"` + strings.Repeat("x", delta.MaxWatch) + `"}`, err: delta.ErrTooLong},
	} {
		got, err := delta.ParseWatch([]byte(tc.in))
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%.80s: %+v, error %v; want %+v, %v", tc.in, got, err, tc.want, tc.err)
		}
	}
}

func FuzzParseWatch(f *testing.F) {
	f.Add([]byte(`{"type":"watch","page":"/d/shop","cursor":"k3f9:17"}`))
	f.Add([]byte(`{"type":"watch","page":"/d/shop","cursor":"k3f9:17","definition":"q7-_AAAAAAAAAAAA"}`))
	f.Add([]byte(`{"type":"watch","page":"/d/shop","definition":"\u0000\ud800é"}`))
	f.Add([]byte(`{"type":"watch","page":"/d/shop","definition":{}}`))
	f.Add([]byte(`{"type":"watch","page":"/","definition":"` + strings.Repeat("<", delta.MaxWatch-50) + `"}`)) // longer where it is encoded
	f.Add([]byte(`{"type":"watch"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := delta.ParseWatch(b)
		if err != nil {
			for _, known := range []error{delta.ErrTooLong, delta.ErrNotUTF8, delta.ErrNotJSON, delta.ErrUnknownType, delta.ErrWrongField} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("error %v is of no kind", err)
		}
		again, err := delta.ParseWatch(w.Encode())
		if err != nil && !errors.Is(err, delta.ErrTooLong) || err == nil && again != w {
			t.Fatalf("%+v came back as %+v, %v", w, again, err)
		}
	})
}

// FuzzDecode feeds a client anything: it reads it or refuses it, and what it
// applies it shows as it would show the server's own snapshot of it.
func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	var old *delta.State
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var g golden
		if err := json.Unmarshal(b, &g); err != nil {
			f.Fatal(err)
		}
		old = decode(f, g.Before).State
		f.Add([]byte(g.Before))
		f.Add([]byte(g.Delta))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := delta.Decode(b)
		if err != nil {
			if !errors.Is(err, delta.ErrMalformed) {
				t.Fatalf("error %v", err)
			}
			return
		}
		m.From = old.Cursor
		s, err := delta.ApplyState(old, &m)
		if err != nil {
			if !errors.Is(err, delta.ErrLost) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if y := s.At.Year(); y < 1 || y > 9999 {
			return
		}
		if whole, err := delta.Decode(delta.EncodeSnapshot(s)); err != nil || !whole.State.Equal(s) {
			t.Fatalf("%v in the snapshot of %s", err, b)
		}
	})
}
