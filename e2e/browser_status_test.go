package e2e_test

import "testing"

// moving is an expression: the status page is told every second, and all of it
// is there.
const moving = `document.querySelector("#live")?.dataset.state === "timed" && document.querySelector('[data-panel="findings"] tbody tr') && document.querySelector('[data-panel="frames_over_time"] canvas')`

// The server's own page is found from the front page, and its figures move.
func testServerStatus(t *testing.T, b *browser) {
	server, _ := serve(t, tasks+`ALTER TABLE tasks ENABLE ROW LEVEL SECURITY; CREATE VIEW all_tasks AS SELECT * FROM tasks`, "--watch", "public.*")
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
	// What is to be mended comes first, above all figures, and its row says whole what
	// mends it; so does what is only noted, below them.
	first := `document.querySelector('.panel tbody tr:not(.room)')`
	w.until("what is to be mended, first", first+`.innerText.includes("to mend") && `+first+`.innerText.includes("all_tasks sees rows past row-level security")`)
	w.until("that above all figures", `document.querySelector('[data-panel="findings"]').getBoundingClientRect().bottom < document.querySelector('[data-panel="viewers"]').getBoundingClientRect().top`)
	for _, c := range []struct{ panel, row, says string }{
		{"findings", "all_tasks sees rows", "ALTER VIEW public.all_tasks SET (security_invoker = true);"},
		{"examined", "is a superuser", "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO rowcast_reader;"},
	} {
		in := `[data-panel="` + c.panel + `"]`
		w.run(`document.querySelector('` + in + `').scrollIntoView({behavior: "instant"})`)
		w.clickOn(`[...document.querySelectorAll('`+in+` tbody tr')].find((tr) => tr.innerText.includes(`+quoted(c.row)+`)).cells[1]`, 0)
		w.until("the row, with "+c.says, `document.querySelector(".drawer[open]")?.innerText.includes(`+quoted(c.says)+`)`)
	}
	w.press("Escape")
	w.size(390, 844)
	w.until("that above all figures on a phone", `document.querySelector('[data-panel="findings"]').getBoundingClientRect().bottom < document.querySelector('[data-panel="viewers"]').getBoundingClientRect().top`)
	w.until("findings that fit a phone", `((all) => all.length > 9 && all.every((n) => !n.checkVisibility() || n.getBoundingClientRect().right <= innerWidth && getComputedStyle(n.parentElement).whiteSpace !== "nowrap"))([...document.querySelectorAll(':is([data-panel="findings"], [data-panel="examined"]) td > .v')])`)
	w.stayed()
}
