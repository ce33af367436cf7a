package web

import (
	"cmp"
	"context"

	"github.com/rowcast/rowcast/static"
	"github.com/rowcast/rowcast/views"
)

func (s *Server) demo(v *visitor) *views.Demo {
	d := s.config.Demo
	if d == nil || v.shared {
		return nil
	}
	label := d.Label
	if label == "" {
		label = "Insert an order"
	}
	return &views.Demo{Action: v.base + "/demo/order", Label: label, Command: d.Command}
}

func (v *visitor) href(address string) string { return v.base + address }

// frame is the chrome without the list of pages.
func (s *Server) frame(ctx context.Context, title string) views.Chrome {
	base, v := s.config.BasePath, visitorOf(ctx)
	c := views.Chrome{Title: title, Base: v.base, User: cmp.Or(v.pass.Viewer.Label, v.pass.Viewer.Name), Database: s.config.Database, Assets: views.Assets{
		Version: static.Version(),
		Script:  base + static.Path(static.Entry), Font: base + static.Path("fonts/inter.woff2"),
		Icons: base + static.Path("icons/sprite.svg"), Mark: base + static.Path("icons/mark.svg"),
	}}
	if v.somebody() == nil && !v.shared && v.gate != nil && v.gate.Sharer(v.pass.Viewer) {
		c.Share = v.base + linksPath
	}
	if v.somebody() != nil || v.shared {
		c.Database = "" // who has not signed in is told nothing
	} else if c.User != "" && v.gate.Asks() {
		c.SignOut = v.base + signOutPath
	}
	c.Assets.Styles, c.Assets.Modules = s.urls(static.Styles()), s.urls(static.Modules())
	return c
}

// urls puts the base path before paths.
func (s *Server) urls(paths []string) []string {
	urls := make([]string, len(paths))
	for i, p := range paths {
		urls[i] = s.config.BasePath + p
	}
	return urls
}

func (s *Server) chrome(ctx context.Context, title string) views.Chrome {
	c := s.frame(ctx, title)
	c.Jump = s.jumps(ctx, visitorOf(ctx))
	return c
}
