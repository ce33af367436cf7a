package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// ended is what a page says whose link was revoked.
const ended = `document.body.innerText.includes("This link has ended")`

// A link shows a wall what it is for, without a sign-in, until it is ended.
func testShareLinks(t *testing.T, b *browser) {
	state := t.TempDir()
	rowcast(t, "correct horse\n", "user", "add", "anna", "--group", "sales", "--state", state)
	rules := filepath.Join(state, "access.yaml")
	if err := os.WriteFile(rules, []byte("sharers: {groups: [sales]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server, db := serve(t, `CREATE TABLE notes (id int PRIMARY KEY); INSERT INTO notes VALUES (41)`, "--watch", "public.*",
		"--dashboards", dashboards(t, map[string]string{"till.yaml": guarded}), "--auth", "password", "--state", state, "--access", rules)
	link := strings.TrimSpace(rowcast(t, "", "share", "add", "/d/till", "--state", state, "--note", "hall", "--public-url", server.URL))

	wall := b.tab(t)
	wall.watch(link + "?kiosk")
	wall.until("the wall", `document.documentElement.classList.contains("wall") && location.search === "?kiosk"`)
	db.Exec(t, `INSERT INTO notes VALUES (4242)`)
	wall.says("4242")
	wall.stayed()

	// A reader makes another one by the page, and ends both.
	w := b.tab(t)
	w.open(server.URL + "d/till")
	w.signIn("anna", "correct horse")
	w.live()
	if _, err := chromedp.Call(w.ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	w.click(`a[aria-label="Share links"]`)
	w.until("the form", `document.querySelector("#page").value === "/d/till"`)
	w.click(`.new-link button`)
	w.says("Your new link")
	made := ask[string](w, `document.querySelector(".made pre").textContent`)
	if !strings.HasPrefix(made, server.URL+"s/") || made == link {
		t.Errorf("the new link is %q", made)
	}
	w.keep(t.Name())
	w.do("bring axe", chromedp.Evaluate[chromedp.Void](axeSource(t)+"; undefined"))
	for _, found := range w.violations(`{}`) {
		t.Error(found)
	}
	w.do("load it again", chromedp.Reload())
	w.until("the list without the link", `!document.querySelector(".made") && document.querySelectorAll('form[action="/links/revoke"]').length === 1`)
	other := b.tab(t)
	other.allow(`Failed to load resource.*404`)
	other.watch(made)
	w.click(`form[action="/links/revoke"] button`)
	w.says("No links yet") // those of the command line are not hers
	other.within(2*patience, "the end", ended)

	id := strings.Split(strings.TrimPrefix(link, server.URL+"s/"), ".")[0]
	if list := rowcast(t, "", "share", "list", "--state", state); !strings.Contains(list, id) || strings.Contains(list, "never") {
		t.Errorf("the list says %s", list)
	}
	rowcast(t, "", "share", "revoke", id, "--state", state)
	wall.allow(`Failed to load resource.*404`)
	wall.within(2*patience, "the end", ended)
	if at := ask[string](wall, `location.pathname`); strings.Contains(at, "sign-in") {
		t.Error("a wall is asked to sign in")
	}
}
