package main

import "github.com/rowcast/rowcast/web"

// limitFlags bound what viewers may have; see [web.Limits].
type limitFlags struct {
	MaxSockets        int `default:"20000" help:"Open sockets and event streams at most."`
	MaxUserSockets    int `default:"500" help:"Of them, those of one user, or of one share link."`
	MaxAddressSockets int `default:"5000" help:"Of them, those of one address, loopback and trusted proxies apart. Name proxies with --trusted-proxy, or all that come through one share this."`
	MaxPages          int `default:"2000" help:"Different pages that are live at most; other values of a variable are another page."`
	MaxUserPages      int `default:"100" help:"Of them, those that one user or share link opened."`
	MaxAddressPages   int `default:"500" help:"Of them, those that were opened from one address."`
}

func (f *limitFlags) limits() web.Limits {
	return web.Limits{
		Sockets: f.MaxSockets, UserSockets: f.MaxUserSockets, AddressSockets: f.MaxAddressSockets,
		Pages: f.MaxPages, UserPages: f.MaxUserPages, AddressPages: f.MaxAddressPages,
	}
}
