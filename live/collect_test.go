package live

import (
	"testing"
	"unsafe"

	"github.com/rowcast/rowcast/delta"
)

// collected is an answer of these rows after the last one; "-" is NULL.
func collected(last *answer, rows ...[]string) *answer {
	c := &collector{answer: &answer{}, last: last, same: last != nil}
	for _, row := range rows {
		var values [][]byte
		for _, text := range row {
			if text == "-" {
				values = append(values, nil)
			} else {
				values = append(values, []byte(text))
			}
		}
		c.add(values)
	}
	c.finish()
	return c.answer
}

func TestAnAnswerIsWhatWasReadWhateverWasBefore(t *testing.T) {
	results := [][][]string{
		{},
		{{"1", "a"}},
		{{"1", "a"}, {"2", "b"}},
		{{"1", "a"}, {"2", "-"}},
		{{"1", "a"}, {"2", ""}},
		{{"2", "b"}, {"1", "a"}},
		{{"1", "x"}, {"2", "b"}, {"3", "c"}},
	}
	for i, before := range results {
		for j, now := range results {
			last := collected(nil, before...)
			a := collected(last, now...)
			if (a.same == last) != (i == j) || a.same != nil && a.same != last {
				t.Errorf("%v after %v: the same is %v", now, before, a.same != nil)
			}
			if len(a.rows) != len(now) {
				t.Fatalf("%v after %v: %d rows", now, before, len(a.rows))
			}
			for r, row := range now {
				for c, text := range row {
					if got, want := a.rows[r][c], (delta.Cell{Text: text}); text == "-" && !got.Null || text != "-" && got != want {
						t.Errorf("%v after %v: row %d is %v", now, before, r, a.rows[r])
					}
				}
			}
		}
	}
}

func TestAnAnswerSharesTextsAndNoRows(t *testing.T) {
	last := collected(nil, []string{"1", "a"}, []string{"2", "b"})
	a := collected(last, []string{"1", "a"}, []string{"2", "c"})
	for _, at := range [][2]int{{0, 0}, {0, 1}, {1, 0}} {
		if unsafe.StringData(a.rows[at[0]][at[1]].Text) != unsafe.StringData(last.rows[at[0]][at[1]].Text) {
			t.Errorf("the text at %v is allocated anew", at)
		}
	}
	if &a.rows[0][0] == &last.rows[0][0] {
		t.Error("a row keeps all rows that were allocated with it")
	}
}

func TestATruncatedAnswerIsNotTheWholeOne(t *testing.T) {
	last := collected(nil, []string{"1"})
	c := &collector{answer: &answer{truncated: true}, last: last, same: true}
	c.add([][]byte{[]byte("1")})
	c.finish()
	if c.answer.same != nil || len(c.answer.rows) != 1 {
		t.Error("it is taken for what it was before more rows came")
	}
}
