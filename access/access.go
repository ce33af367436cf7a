// Package access says who is asking and what they may see. A [Gate] knows the
// one way in that is configured, and turns a request into a [Pass]; a pass can
// be looked at again, so that what it allowed ends when it does: a session that
// expired or was ended, a user who is gone, a rule that changed.
//
// What is decided here is decided in one place. The caller names the page's
// [Rule] and asks [Gate.May]; once anybody has to sign in, a page without a rule
// is for admins alone.
//
// Files are the only state: users, rules, sessions. They are read again when
// they change, so several servers share them by sharing a folder, nothing is
// lost when one stops, and the role that reads the database need not write.
package access

import (
	"errors"
	"slices"
)

// Viewer is who asks. The zero value is nobody.
type Viewer struct {
	Name   string   // as the way in spells it; unique there, and what rules name
	Label  string   // what people call them, for showing alone; "" is Name
	Groups []string // that the way in says they are in
}

// Rule says who may see something. The zero value is nobody.
type Rule struct {
	Everyone bool // who signed in
	Users    []string
	Groups   []string
}

// Names reports whether the rule lets v in.
func (r Rule) Names(v Viewer) bool {
	if v.Name == "" {
		return false
	}
	return r.Everyone || slices.Contains(r.Users, v.Name) ||
		slices.ContainsFunc(v.Groups, func(g string) bool { return slices.Contains(r.Groups, g) })
}

// Errors of who asks. None of them says more than its text.
var (
	// ErrNobody says that the request proves nothing: whoever sent it can sign in.
	ErrNobody = errors.New("sign in first")
	// ErrEnded says that what the request proves is over.
	ErrEnded = errors.New("the session ended")
	// ErrAgain says that a proxy's word about a connection has grown old: whoever
	// has it can connect again.
	ErrAgain = errors.New("connect again")
	// ErrWrong says that name and password do not belong together.
	ErrWrong = errors.New("name or password is wrong")
	// ErrBusy says that too many sign in at once.
	ErrBusy = errors.New("too many sign in at this moment")
)
