package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/rowcast/rowcast/access"
)

// userCommand keeps the users file of --auth=password.
type userCommand struct {
	Add     userAddCommand     `cmd:"" help:"Add a user, or give one a new password; it is asked for, or read from standard input."`
	Remove  userRemoveCommand  `cmd:"" help:"Remove a user; the user's sessions and share links end."`
	List    userListCommand    `cmd:"" help:"List users and their groups."`
	SignOut userSignOutCommand `cmd:"" name:"sign-out" help:"End the sessions of a user, or of everybody."`
}

// usersFlags name the file.
type usersFlags struct {
	State string `name:"state" placeholder:"DIR" help:"Folder that keeps users and sessions."`
	Users string `name:"users" placeholder:"FILE" help:"Users file; by default users in the state folder."`
}

func (f usersFlags) path() (string, error) {
	if path := usersFile(f.State, f.Users); path != "" {
		return path, nil
	}
	return "", errors.New("say where the users are kept: --state DIR, or --users FILE")
}

type userAddCommand struct {
	usersFlags
	auditFlags
	Name   string   `arg:"" help:"Name, as it is typed at the sign-in and written in rules."`
	Groups []string `name:"group" help:"Groups that the user is in."`
}

// Run asks for the password on a terminal, twice; elsewhere it reads a line.
func (c *userAddCommand) Run(s *streams) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	if err := access.CheckName(c.Name); err != nil {
		return err
	}
	password, err := readPassword(s)
	if err != nil {
		return err
	}
	return c.audited(s, func(tell func(access.Event, string, ...any)) error {
		if err := access.SetUser(path, c.Name, password, c.Groups); err != nil {
			return err
		}
		tell(access.EventUserSet, "", "name", c.Name, "groups", c.Groups)
		_, err := fmt.Fprintf(s.out, "%s can sign in\n", c.Name)
		return err
	})
}

// readPassword never takes one from the arguments, which everybody on the
// machine can list.
func readPassword(s *streams) (string, error) {
	file, ok := s.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(s.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	var typed [2]string
	for i, text := range []string{"Password: ", "Again: "} {
		fmt.Fprint(s.err, text)
		b, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(s.err)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return "", errors.New("the two are not the same")
	}
	return typed[0], nil
}

type userRemoveCommand struct {
	usersFlags
	auditFlags
	Name string `arg:"" help:"Name of the user."`
}

// Run removes the user; a running server sees it within a second. The links that the
// user made end with it, for they show what nobody answers for any more.
func (c *userRemoveCommand) Run(s *streams) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	return c.audited(s, func(tell func(access.Event, string, ...any)) error {
		if err := access.RemoveUser(path, c.Name); err != nil {
			return err
		}
		tell(access.EventUserRemoved, "", "name", c.Name)
		if _, err := fmt.Fprintf(s.out, "%s can sign in no more\n", c.Name); err != nil {
			return err
		}
		if c.State == "" {
			_, err := fmt.Fprintf(s.out, "links that %[1]s made are in the state folder: end them with rowcast share revoke --by %[1]s --state DIR\n", c.Name)
			return err
		}
		return revokeLinksBy(s, c.State, c.Name, tell)
	})
}

type userListCommand struct{ usersFlags }

// Run prints a line a user.
func (c *userListCommand) Run(s *streams) error {
	path, err := c.path()
	if err != nil {
		return err
	}
	users, err := access.ListUsers(path)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, u := range users {
		fmt.Fprintf(t, "%s\t%s\n", u.Name, strings.Join(u.Groups, ", "))
	}
	return t.Flush()
}

type userSignOutCommand struct {
	auditFlags
	State string `name:"state" required:"" placeholder:"DIR" help:"Folder that keeps the sessions."`
	Name  string `arg:"" optional:"" help:"Name of the user; without one everybody is signed out."`
}

// Run ends sessions; pages that are open close within seconds.
func (c *userSignOutCommand) Run(s *streams) error {
	sessions, err := access.OpenSessions(c.State, 0, s.log)
	if err != nil {
		return err
	}
	return c.audited(s, func(tell func(access.Event, string, ...any)) error {
		n, err := sessions.EndAll(c.Name)
		tell(access.EventSessionsEnded, "", "name", c.Name, "sessions", n)
		_, say := fmt.Fprintf(s.out, "%d sessions ended\n", n)
		return errors.Join(err, say)
	})
}
