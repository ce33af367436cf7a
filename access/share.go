package access

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// WhoBy says what the token of a link allows. The error is [ErrNoLink] where that
// is nothing.
func (g *Gate) WhoBy(token string) (Pass, error) {
	if g.config.Links == nil {
		return Pass{}, ErrNoLink
	}
	found, err := g.config.Links.look(token)
	if err == nil {
		_, err = g.maker(found)
	}
	if err != nil {
		return Pass{}, err
	}
	if err := g.config.Links.use(found); err != nil {
		g.config.Log.Warn("when a link was used is not noted", "error", err)
	}
	return Pass{token: token, link: found}, nil
}

// maker is who made a link, as they are now. The error is [ErrNoLink] where nobody is
// let in so any more. One of the command line is nobody's, and so is its maker.
func (g *Gate) maker(l Link) (Viewer, error) {
	switch {
	case l.By == "":
		return Viewer{}, nil
	case l.Way != g.config.Mode:
		return Viewer{}, ErrNoLink // who is called so now may be somebody else
	case g.config.Mode == ModePassword:
		u, ok := g.config.Users.get(l.By)
		if !ok {
			return Viewer{}, ErrNoLink
		}
		return Viewer{Name: l.By, Groups: u.groups}, nil
	}
	groups, err := g.config.Links.makers.groups(l.By, l.Way)
	return Viewer{Name: l.By, Groups: groups}, err
}

// Shows reports whether a link shows what has this rule: whoever made it may see it
// now. What was linked to at the command line is for whoever has the link.
func (g *Gate) Shows(l Link, r Rule) bool {
	maker, err := g.maker(l)
	if err != nil && !errors.Is(err, ErrNoLink) {
		g.config.Log.Error("a link shows nothing, because it is not known what its maker may see", "link", l.ID, "error", err)
	}
	return err == nil && (l.By == "" || g.May(maker, r))
}

// tellMaker notes the groups of somebody who may have made links.
func (g *Gate) tellMaker(v Viewer) {
	if g.config.Links == nil {
		return
	}
	if err := g.config.Links.makers.tell(v, g.config.Mode); err != nil {
		g.config.Log.Error("links go by older groups of their maker", "user", v.Name, "error", err)
	}
}

// Sharer reports whether v may make links to what v may see.
func (g *Gate) Sharer(v Viewer) bool {
	return g.config.Links != nil && g.May(v, g.config.Policy.get().Sharers)
}

// MostLinks is how many links one maker may have, those that are over by themselves
// among them: each is a file, and the list of all is read whole.
const MostLinks = 200

// MakeLink makes a link for p, who is a sharer and may see the page. It returns
// the link's token.
func (g *Gate) MakeLink(p Pass, from, page, note string, life time.Duration) (Link, string, error) {
	all, err := g.config.Links.List()
	if err != nil {
		return Link{}, "", err
	}
	theirs := slices.DeleteFunc(all, func(l Link) bool { return l.By != p.Viewer.Name })
	if len(theirs) >= MostLinks {
		return Link{}, "", UnfitLink(fmt.Sprintf("you have %d links, which is as many as there may be: end those that nobody needs any more", len(theirs)))
	}
	if g.config.Mode != ModePassword {
		if err := g.config.Links.makers.makes(p.Viewer, g.config.Mode); err != nil {
			return Link{}, "", err
		}
	}
	made, token, err := g.config.Links.Make(page, note, p.Viewer.Name, g.config.Mode, life)
	if err == nil {
		g.audit.write(EventLinkMade, p.Viewer.Name, from, page, "link", made.ID, "until", made.Until)
	}
	return made, token, err
}

// ListLinks is the links that a sharer made; all of them for an admin.
func (g *Gate) ListLinks(p Pass) ([]Link, error) {
	all, err := g.config.Links.List()
	if !g.Admin(p.Viewer) {
		all = slices.DeleteFunc(all, func(l Link) bool { return l.By != p.Viewer.Name })
	}
	return all, err
}

// RevokeLink ends a link that p may end.
func (g *Gate) RevokeLink(p Pass, from, id string) error {
	mine, err := g.ListLinks(p)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(mine, func(l Link) bool { return l.ID == id })
	if i < 0 {
		return ErrNoLink
	}
	if err := g.config.Links.Revoke(id); err != nil {
		return err
	}
	g.audit.write(EventLinkRevoked, p.Viewer.Name, from, mine[i].Page, "link", id)
	return nil
}
