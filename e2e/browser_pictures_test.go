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

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// The pictures of the README and of docs/dashboards.md, taken from the real demo.
// ROWCAST_SCREENSHOTS names the folder that they are written to; else they are
// only looked at.
func testScreenshots(t *testing.T, b *browser) {
	dir := os.Getenv("ROWCAST_SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	s := openShop(t, dataDir(t), "--rate", "1", "--timezone", "Europe/Berlin", "--psql", "psql demo") // no path of this machine in a picture
	site := s.URL[:len(s.URL)-len("d/shop")]
	write := func(name string, picture []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
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
			write(name+"-"+theme, compress(t, name+"-"+theme, shot, image.Pt(1440, 900), theme == "dark"))
		}
	}
	for board, panels := range map[string]map[string]string{ // a panel and its type
		"shop":       {"revenue": "stat", "by_hour": "bar", "takings": "line", "share": "progress", "sellers": "table"},
		"operations": {"flow": "area", "fill": "gauge", "channels": "donut", "on_call": "text"},
	} {
		w := b.tab(t)
		w.media("prefers-color-scheme", "light")
		w.watch(site + "d/" + board)
		w.until("the charts", `[...document.querySelectorAll("[data-plot]")].every((p) => p.querySelector("canvas"))`)
		w.click("#live [data-do=pause]") // while orders come, no panel is at rest for long
		for id, typ := range panels {
			shot, size := w.portrait(id)
			write("panel-"+typ, compress(t, "panel-"+typ, shot, size, false))
		}
		w.close()
	}
	w := b.tab(t)
	w.holdsAll(site + "d/operations")
}

// holdsAll checks that the wall of a dashboard cuts nothing that it shows, and
// that its clocks are the dashboard's.
func (w *tab) holdsAll(url string) {
	w.Helper()
	w.size(1920, 1080)
	w.watch(url + "?kiosk")
	w.until("a wall that fits", `document.querySelector(".grid.fitted") && [...document.querySelectorAll("[data-plot]")].every((p) => p.querySelector("canvas"))`)
	w.until("nothing that is cut", `(() => {
		const inside = (n, box) => n.right <= box.right + 2 && n.bottom <= box.bottom + 2;
		return [...document.querySelectorAll(".panel:not(.beyond)")].every((panel) => {
			const box = panel.getBoundingClientRect(), parts = panel.querySelectorAll("[data-parts] :is(svg, li, .ends), table, .stat");
			return inside(box, document.querySelector(".grid").getBoundingClientRect())
				&& [...parts].every((n) => n.matches("table") ? n.getBoundingClientRect().right <= box.right + 2 : inside(n.getBoundingClientRect(), box));
		});
	})()`)
	if got, want := ask[string](w, `document.querySelector("[data-clock]").textContent`), ask[string](w, `new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", hour: "2-digit", minute: "2-digit" }).format()`); got != want {
		w.Errorf("the wall's clock shows %s, want %s", got, want)
	}
}

// portrait is a picture of one panel at rest.
func (w *tab) portrait(id string) (shot []byte, size image.Point) {
	w.Helper()
	panel := `document.querySelector('[data-panel="` + id + `"]')`
	w.run(panel + `.scrollIntoView({ block: "center" })`)
	w.until("a moment of rest", `document.fonts.status === "loaded" && !`+panel+`.matches(".beat") && !`+panel+`.querySelector(".flash, .fresh, .leaving")`)
	box := ask[[]float64](w, `(({ left, top, width, height }) => [left + scrollX - 16, top + scrollY - 16, width + 32, height + 32].map(Math.round))(`+panel+`.getBoundingClientRect())`)
	beyond := true
	taken, err := chromedp.Call(w.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: &beyond, Clip: &page.Viewport{X: box[0], Y: box[1], Width: box[2], Height: box[3], Scale: 1},
	})
	if err != nil {
		w.Fatalf("take a picture of %s: %v", id, err)
	}
	return taken.Data, image.Pt(int(box[2]), int(box[3]))
}

// compress checks that a picture shows something, in the right theme, and where
// it is to be kept makes it as small as it can be.
func compress(t *testing.T, name string, shot []byte, size image.Point, dark bool) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds().Size(); got != size {
		t.Errorf("%s is %v, want %v", name, got, size)
	}
	colors := map[uint8]bool{}
	sum, points := 0, 0
	for y := 0; y < size.Y; y += 4 {
		for x := 0; x < size.X; x += 3 {
			c := color.GrayModel.Convert(img.At(x, y)).(color.Gray)
			colors[c.Y] = true
			sum += int(c.Y)
			points++
		}
	}
	if mean := sum / points; dark != (mean < 128) {
		t.Errorf("%s has a mean brightness of %d", name, mean)
	}
	if len(colors) < 24 {
		t.Errorf("%s has %d greys: it shows nothing", name, len(colors))
	}
	if os.Getenv("ROWCAST_SCREENSHOTS") == "" {
		return shot // seconds of work for nobody
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
