package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rowcast/rowcast/access"
)

// shareCommand keeps the share links of a folder.
type shareCommand struct {
	Add    shareAddCommand    `cmd:"" help:"Make a link to a dashboard with these values: '/d/shop?status=paid'."`
	List   shareListCommand   `cmd:"" help:"List links, with when each was last used."`
	Revoke shareRevokeCommand `cmd:"" help:"End a link, or all of somebody; whoever watches by it has to leave within seconds."`
}

// linksFlags name the folder.
type linksFlags struct {
	State   string `name:"state" required:"" placeholder:"DIR" help:"Folder that keeps the links."`
	LinkKey string `name:"link-key" placeholder:"FILE" help:"File of the secrets that links are signed with; by default link.key in the state folder."`
}

func (f linksFlags) open(s *streams) (*access.Links, error) {
	return access.OpenLinks(f.State, f.LinkKey, s.log)
}

type shareAddCommand struct {
	linksFlags
	auditFlags
	Page      string        `arg:"" help:"Address of a dashboard, as a browser shows it after the server's name."`
	For       time.Duration `name:"for" default:"720h" help:"How long it lasts."`
	Note      string        `name:"note" help:"What it is for."`
	PublicURL string        `name:"public-url" help:"The address that people use, to print the whole link."`
}

// Run prints the link, which is kept nowhere.
func (c *shareAddCommand) Run(s *streams) error {
	links, err := c.open(s)
	if err != nil {
		return err
	}
	return c.audited(s, func(tell func(access.Event, string, ...any)) error {
		made, token, err := links.Make(c.Page, c.Note, "", "", c.For)
		if err != nil {
			return err
		}
		tell(access.EventLinkMade, made.Page, "link", made.ID, "until", made.Until)
		_, err = fmt.Fprintf(s.out, "%s/s/%s\n", strings.TrimRight(c.PublicURL, "/"), token)
		return err
	})
}

type shareListCommand struct{ linksFlags }

// Run prints a line a link.
func (c *shareListCommand) Run(s *streams) error {
	links, err := c.open(s)
	if err != nil {
		return err
	}
	all, err := links.List()
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tPAGE\tENDS\tLAST USED\tMADE BY\tNOTE")
	for _, l := range all {
		used, by := "never", l.By
		if !l.Used.IsZero() {
			used = l.Used.Format(time.RFC3339)
		}
		if by == "" {
			by = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.Page, l.Until.Format(time.RFC3339), used, by, l.Note)
	}
	return t.Flush()
}

type shareRevokeCommand struct {
	linksFlags
	auditFlags
	ID string `arg:"" optional:"" help:"Name of the link, as list shows it."`
	By string `name:"by" placeholder:"NAME" help:"End all links that somebody made, as when they leave."`
}

// Run ends the link, or all of somebody.
func (c *shareRevokeCommand) Run(s *streams) error {
	if (c.ID == "") == (c.By == "") {
		return errors.New("say which link to end, or by --by NAME whose")
	}
	return c.audited(s, func(tell func(access.Event, string, ...any)) error {
		if c.By != "" {
			return revokeLinksBy(s, c.State, c.By, tell)
		}
		links, err := c.open(s)
		if err != nil {
			return err
		}
		if err := links.Revoke(c.ID); err != nil {
			return err
		}
		tell(access.EventLinkRevoked, "", "link", c.ID)
		_, err = fmt.Fprintf(s.out, "%s leads nowhere\n", c.ID)
		return err
	})
}

// revokeLinksBy ends the links that somebody made, and has each told.
func revokeLinksBy(s *streams, state, by string, tell func(access.Event, string, ...any)) error {
	ended, err := access.RevokeLinksBy(state, by)
	for _, l := range ended {
		tell(access.EventLinkRevoked, l.Page, "link", l.ID, "by", l.By)
	}
	_, say := fmt.Fprintf(s.out, "%d links of %s lead nowhere\n", len(ended), by)
	return errors.Join(err, say)
}
