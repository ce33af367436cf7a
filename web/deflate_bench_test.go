package web

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/klauspost/compress/flate"
)

// BenchmarkDeflate compresses what viewers get: a delta of 19 KB, of a hundred rows
// that all changed as those of `go run ./bench --only bulk` do, and a snapshot of a
// megabyte. "left" is the share of the bytes that is sent. Beside what is used stand
// levels that keep tables between messages.
func BenchmarkDeflate(b *testing.B) {
	for _, size := range []struct {
		what string
		rows int
	}{{"delta", 100}, {"snapshot", 5300}} {
		var data bytes.Buffer
		for i := range size.rows {
			sum := sha256.Sum256([]byte{byte(i >> 8), byte(i)})
			fmt.Fprintf(&data, `["=","[\"%d\"]",{"1":"%d is paid, %x of %d%s"}],`, i, i, sum[:16], i*7919,
				bytes.Repeat(fmt.Appendf(nil, ", shipped to customer %d", i*7919), 4))
		}
		run := func(name string, compress func() int) {
			b.Run(fmt.Sprintf("%s/%s", size.what, name), func(b *testing.B) {
				b.SetBytes(int64(data.Len()))
				left := 0
				for b.Loop() {
					left = compress()
				}
				b.ReportMetric(float64(left)/float64(data.Len()), "left")
			})
		}
		run("used", func() int { return len(deflatedFrames(data.Bytes())) })
		for _, level := range []int{1, 6} {
			var out bytes.Buffer
			w, err := flate.NewWriter(&out, level)
			if err != nil {
				b.Fatal(err)
			}
			run(fmt.Sprintf("level-%d", level), func() int {
				out.Reset()
				w.Reset(&out)
				_, err := w.Write(data.Bytes())
				if err == nil {
					err = w.Flush()
				}
				if err != nil {
					b.Fatal(err)
				}
				return out.Len()
			})
		}
	}
}
