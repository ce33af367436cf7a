package e2e_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

const guarded = `
title: Till
access: {groups: [sales]}
panels: [{id: rows, title: Rows, type: table, query: SELECT id FROM notes ORDER BY id}]
`

// rowcast runs a command of the program to its end; input is what is typed.
func rowcast(t *testing.T, input string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary(t), args...)
	cmd.Env, cmd.Stdin = environment(), strings.NewReader(input)
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("rowcast %v: %v\n%s%s", args, err, out, log.String())
	}
	return string(out)
}

// People sign in, see what is theirs, and see that it is over when it is.
func testSignIn(t *testing.T, b *browser) {
	state := t.TempDir()
	rowcast(t, "correct horse\n", "user", "add", "anna", "--group", "sales", "--state", state)
	if list := rowcast(t, "", "user", "list", "--state", state); !strings.Contains(list, "anna") || !strings.Contains(list, "sales") {
		t.Errorf("the list is %q", list)
	}
	server, db := serve(t, `CREATE TABLE notes (id int PRIMARY KEY); INSERT INTO notes VALUES (41)`, "--watch", "public.*",
		"--dashboards", dashboards(t, map[string]string{"till.yaml": guarded}), "--auth", "password", "--state", state)

	w := b.tab(t)
	w.open(server.URL + "d/till")
	w.until("the form", `location.pathname === "/sign-in" && document.activeElement.id === "name"`)
	if text := w.text(); strings.Contains(text, "Till") || strings.Contains(text, "Jump") {
		t.Errorf("whoever has not signed in sees %q", text)
	}
	w.allow(`Failed to load resource.*401`)
	w.signIn("anna", "wrong horse")
	w.says("Name or password is wrong.")
	w.signIn("", "correct horse") // the name is still there
	w.until("the page that was asked for", `location.pathname === "/d/till"`)
	w.live()
	w.until("who is signed in", `document.querySelector(".account").textContent.includes("anna")`)
	db.Exec(t, `INSERT INTO notes VALUES (4242)`)
	w.says("4242")
	if kept := ask[string](w, `document.cookie`); strings.Contains(kept, "rowcast") {
		t.Errorf("the page's code can read %q", kept)
	}

	// It ends somewhere else; the page says so and goes on afterwards.
	if out := rowcast(t, "", "user", "sign-out", "anna", "--state", state); !strings.Contains(out, "1 sessions ended") {
		t.Error(out)
	}
	w.within(2*patience, "the door", `location.pathname === "/sign-in"`)
	w.says("Your session ended.")
	w.signIn("anna", "correct horse")
	w.until("the page again", `location.pathname === "/d/till"`)
	w.live()
	w.click(`form[action="/sign-out"] button`)
	w.until("the door", `location.pathname === "/sign-in"`)
	w.open(server.URL + "d/till")
	w.until("the door again", `location.pathname === "/sign-in"`)

	// Without the browser's code.
	plain := b.tab(t)
	if _, err := chromedp.Call(plain.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	plain.open(server.URL + "d/till")
	plain.signIn("anna", "correct horse")
	plain.says("4242")
	plain.click(`form[action="/sign-out"] button`)
	plain.says("Password")

	source := axeSource(t)
	for _, look := range []struct {
		theme string
		width int64
	}{{"light", 1440}, {"dark", 390}} {
		t.Run(fmt.Sprintf("%s, %d wide", look.theme, look.width), func(t *testing.T) {
			w := b.tab(t)
			w.allow(`Failed to load resource.*401`)
			w.size(look.width, 900)
			w.media("prefers-color-scheme", look.theme, "prefers-reduced-motion", "reduce")
			if _, err := chromedp.Call(w.ctx, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil {
				t.Fatal(err)
			}
			w.open(server.URL + "sign-in?again&next=%2Fd%2Ftill")
			w.signIn("anna", "wrong horse")
			w.says("Name or password is wrong.")
			w.keep(t.Name())
			w.do("bring axe", chromedp.Evaluate[chromedp.Void](source+"; undefined"))
			for _, found := range w.violations(`{}`) {
				t.Error(found)
			}
			w.signIn("", "correct horse")
			w.until("the page", `location.pathname === "/d/till"`)
			w.live()
			w.keep(t.Name() + " page")
			w.do("bring axe", chromedp.Evaluate[chromedp.Void](source+"; undefined"))
			for _, found := range w.violations(`{}`) {
				t.Error(found)
			}
		})
	}
}

// signIn types into the form; "" leaves the name as it is.
func (w *tab) signIn(name, password string) {
	w.Helper()
	w.until("the form", `document.readyState === "complete" && !!document.querySelector("#password")`)
	if name != "" {
		w.do("type the name", chromedp.SetValue(chromedp.CSS("#name"), name))
	}
	w.do("type the password", chromedp.SendKeys(chromedp.CSS("#password"), password+"\r"))
}
