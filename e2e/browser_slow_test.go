package e2e_test

import "testing"

const slowPage = `title: Slow
variables:
  - {name: n, label: Number, options: ["1", "2", "3"]}
panels:
  - id: list
    query: SELECT v * @n::int AS v FROM t ORDER BY 1
  - id: sum
    type: stat
    query: SELECT sum(v) * @n::int AS sum FROM t
  - id: slow
    query: SELECT @n::int AS n, pg_sleep(CASE WHEN @n::int = 3 THEN 1.5 ELSE 8 END)
  - id: later
    query: SELECT @n::int AS n, pg_sleep(1.2)
`

// One panel that takes long leaves the others as quick as they are: a page opens
// without it, another value's too, and it never looks as if something were wrong.
func testSlowPanel(t *testing.T, b *browser) {
	server, _ := serve(t, `CREATE TABLE t (v int); INSERT INTO t VALUES (10), (20)`,
		"--dashboards", dashboards(t, map[string]string{"slow.yaml": slowPage}))
	w := b.tab(t)
	const mark = `(id) => document.querySelector("[data-panel=" + id + "]")`
	w.watch(server.URL + "d/slow")
	w.run(`window.panel = ` + mark)
	w.until("the quick panels", `panel("list").querySelectorAll("tbody tr").length === 2`)
	if took := ask[float64](w, `performance.getEntriesByType("navigation")[0].responseEnd`); took > 2500 {
		t.Errorf("the first opening took %.0f ms", took)
	}
	w.until("that the others wait", `panel("slow").querySelector("[data-panel-asof]").innerText === "waits for its turn"`)
	w.until("a panel that is slow, with a time of its own", `panel("later").querySelector("tbody tr")?.cells[0].innerText === "1"
		&& panel("later").querySelector("[data-panel-asof]").innerText.startsWith("as of")`)
	w.run(`
		window.said = []; window.took = 0;
		new MutationObserver(() => said.push(document.querySelector("#live").dataset.state + " " + document.querySelector("#banner").hidden))
			.observe(document.body, { subtree: true, attributeFilter: ["data-state", "hidden"] });
		document.addEventListener("change", () => {
			const began = performance.now();
			const watch = new MutationObserver(() => {
				if (!panel("list").querySelector("tbody")?.innerText.includes("60")) return;
				took = performance.now() - began;
				window.then = [panel("later").dataset.state, panel("later").querySelectorAll("tbody tr").length, panel("slow").dataset.state].join();
				watch.disconnect();
			});
			watch.observe(document.body, { subtree: true, childList: true, characterData: true });
		}, true)`)
	w.choose("n", "3")
	w.until("the quick panels for another value", `took > 0`)
	if took := ask[float64](w, `took`); took > 1500 {
		t.Errorf("another value took %.0f ms", took)
	} else {
		t.Logf("another value took %.0f ms", took)
	}
	if then := ask[string](w, `window.then`); then != "loading,0,loading" {
		t.Errorf("what was not read yet for this value is shown as %s", then)
	}
	w.until("the slow panels for this value", `["slow", "later"].every((id) => panel(id).querySelector("tbody tr:not(.leaving)")?.cells[0].innerText === "3" && panel(id).dataset.state === "" && panel(id).querySelector("[data-panel-asof]").innerText.startsWith("as of"))`)
	if said := ask[[]string](w, `said.filter((s) => s !== "live true")`); len(said) > 0 {
		t.Errorf("on its way the page says %q", said)
	}
}
