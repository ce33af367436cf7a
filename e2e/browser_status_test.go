package e2e_test

import "testing"

// moving is an expression: the status page is told every second, and all of it
// is there.
const moving = `document.querySelector("#live")?.dataset.state === "timed" && document.querySelector('[data-panel="findings"] tbody tr') && document.querySelector('[data-panel="frames_over_time"] canvas')`

// The server's own page is found from the front page, and its figures move.
func testServerStatus(t *testing.T, b *browser) {
	server, _ := serve(t, tasks, "--watch", "public.*")
	w := b.tab(t)
	w.open(server.URL)
	w.click(`main a[href="/status"]`)
	w.until("the page", moving)
	w.run(`window.mark = "here"`)
	viewers := `document.querySelector('[data-panel="viewers"] .stat').textContent`
	w.until("one viewer", viewers+`.startsWith("1")`)
	other := b.tab(t)
	other.watch(server.URL + "t/public.tasks")
	w.until("two viewers", viewers+`.startsWith("2")`)
	w.until("what the other one reads", `document.querySelector('[data-panel="panels"] tbody')?.textContent.includes("/t/public.tasks")`)
	w.until("every panel to be of now", `!document.querySelector(".age.old")`)
	w.size(390, 844)
	w.until("findings that fit a phone", `((all) => all.length > 9 && all.every((n) => !n.checkVisibility() || n.getBoundingClientRect().right <= innerWidth && getComputedStyle(n.parentElement).whiteSpace === "normal"))([...document.querySelectorAll('[data-panel="findings"] td > .v')])`)
	w.stayed()
}
