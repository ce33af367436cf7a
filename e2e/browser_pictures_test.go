//go:build unix

package e2e_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// The pictures of the README, taken from the real demo. ROWCAST_SCREENSHOTS
// names the folder that they are written to; else they are only looked at.
func testScreenshots(t *testing.T, b *browser) {
	dir := os.Getenv("ROWCAST_SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	s := openShop(t, dataDir(t), "--rate", "1")
	site := s.URL[:len(s.URL)-len("d/shop")]
	for name, at := range map[string]string{"shop": "d/shop", "table": "t/shop.orders"} {
		for _, theme := range []string{"light", "dark"} {
			w := b.tab(t)
			w.media("prefers-color-scheme", theme)
			w.watch(site + at)
			w.run(`window.rows = document.querySelector('[data-panel="latest"] tbody, [data-panel="rows"] tbody').rows; window.first = rows[0].dataset.key`)
			w.until("fonts and a few orders", `document.fonts.status === "loaded" && [...rows].findIndex((tr) => tr.dataset.key === first) > 2`)
			w.until("a moment of rest", `document.querySelector("tr.fresh") && document.getAnimations().every((a) => a instanceof CSSAnimation)`)
			shot, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatalf("take a picture: %v", err)
			}
			w.close()
			file := name + "-" + theme + ".png"
			small := compress(t, file, shot, theme == "dark")
			if err := os.WriteFile(filepath.Join(dir, file), small, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// compress checks that a picture shows something, in the right theme, and makes
// it as small as it can be.
func compress(t *testing.T, name string, shot []byte, dark bool) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds().Size(); got != image.Pt(1440, 900) {
		t.Errorf("%s is %v", name, got)
	}
	colors := map[uint8]bool{}
	sum, points := 0, 0
	for y := 0; y < 900; y += 4 {
		for x := 0; x < 1440; x += 3 {
			c := color.GrayModel.Convert(img.At(x, y)).(color.Gray)
			colors[c.Y] = true
			sum += int(c.Y)
			points++
		}
	}
	if mean := sum / points; dark != (mean < 128) {
		t.Errorf("%s has a mean brightness of %d", name, mean)
	}
	if len(colors) < 32 {
		t.Errorf("%s has %d greys: it shows nothing", name, len(colors))
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	out := shot
	if b.Len() < len(out) {
		out = b.Bytes()
	}
	if len(out) > 300_000 {
		t.Errorf("%s has %d bytes", name, len(out))
	}
	return out
}
