package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rowcast/rowcast/access"
	"github.com/rowcast/rowcast/dashboard"
)

// accessFlags say who is let in. One way in is open at a time.
type accessFlags struct {
	Auth           access.Mode   `name:"auth" enum:"none,password,proxy,oidc" default:"none" help:"How people sign in: none, password (of a users file), proxy (a proxy in front says who it is), or oidc (a provider of OpenID Connect does)."`
	Access         string        `name:"access" placeholder:"FILE" help:"YAML file of who may see which tables, and who is admin, author or sharer."`
	State          string        `name:"state" placeholder:"DIR" help:"Folder that keeps users, sessions and share links; several servers may share it."`
	Users          string        `name:"users" placeholder:"FILE" help:"Users file; by default users in the state folder."`
	Session        time.Duration `name:"session" placeholder:"DURATION" help:"How long a sign-in lasts; by default 24h, and with --auth=oidc 1h, after which the provider is asked anew for the user's groups."`
	TrustedProxies []string      `name:"trusted-proxy" placeholder:"ADDRESS" help:"Addresses or networks of proxies whose X-Forwarded-For, and with --auth=proxy whose user header, is believed."`
	UserHeader     string        `name:"user-header" default:"X-Forwarded-User" help:"Header in which the proxy names the user."`
	GroupsHeader   string        `name:"groups-header" placeholder:"NAME" help:"Header in which the proxy lists the user's groups, with commas; by default none is read."`
	Issuer         string        `name:"oidc-issuer" placeholder:"URL" help:"Provider of OpenID Connect; rules name users by its subject."`
	ClientID       string        `name:"oidc-client" placeholder:"NAME" help:"Name that the provider knows this server by; its callback is sign-in/callback below --public-url."`
	ClientSecret   string        `name:"oidc-secret" placeholder:"FILE" help:"File with the client's secret."`
	GroupsClaim    string        `name:"oidc-groups" default:"groups" help:"Claim that lists a user's groups."`
	Scopes         []string      `name:"oidc-scope" help:"Further scopes to ask for, such as groups."`
	LinkKey        string        `name:"link-key" placeholder:"FILE" help:"File of the secrets that share links are signed with, one a line, the first signs; by default link.key in the state folder, made once."`
	auditFlags
}

const authNone access.Mode = "none"

// session is how long a sign-in lasts. What a provider says of somebody holds as
// long, so there it is short; who is still signed in with it is not asked again.
func (f *accessFlags) session() time.Duration {
	switch {
	case f.Session > 0:
		return f.Session
	case f.Auth == access.ModeOIDC:
		return time.Hour
	}
	return 24 * time.Hour
}

func (f *accessFlags) signIn() bool { return f.Auth != authNone && f.Auth != "" }

// gate builds what is configured; nil where nobody signs in. close ends its log.
func (f *accessFlags) gate(log *slog.Logger, public string, proxies access.Proxies) (g *access.Gate, sessions *access.Sessions, done func(), err error) {
	done = func() {}
	if !f.signIn() {
		if f.Access != "" {
			return nil, nil, done, errors.New("--access says who may see what, and nobody has to sign in: say how people do with --auth")
		}
		return nil, nil, done, nil
	}
	c := access.Config{Mode: f.Auth, Log: log, Proxies: proxies, Headers: access.Headers{User: f.UserHeader, Groups: f.GroupsHeader}}
	if c.Policy, err = access.OpenPolicy(f.Access, log, checkRunAs); err != nil {
		return nil, nil, done, err
	}
	switch f.Auth {
	case access.ModePassword:
		if err := f.passwords(&c, log); err != nil {
			return nil, nil, done, err
		}
	case access.ModeOIDC:
		if err := f.provider(&c, log, public); err != nil {
			return nil, nil, done, err
		}
	case access.ModeProxy:
		if len(c.Proxies) == 0 {
			return nil, nil, done, errors.New("--auth=proxy needs --trusted-proxy: a user header counts only from a proxy that is named")
		}
	}
	if f.State != "" {
		if c.Links, err = access.OpenLinks(f.State, f.LinkKey, log); err != nil {
			return nil, nil, done, err
		}
	}
	if c.Audit, done, err = f.openAudit(log); err != nil {
		return nil, nil, done, err
	}
	g, err = access.New(c)
	return g, c.Sessions, done, err
}

// checkRunAs has table pages and dashboards understand the same.
func checkRunAs(as access.RunAs) error {
	_, err := dashboard.NewRunAs(as.Role, as.Settings)
	return err
}

func (f *accessFlags) passwords(c *access.Config, log *slog.Logger) (err error) {
	if f.State == "" {
		return errors.New("--auth=password needs --state: a folder that keeps users and sessions")
	}
	if c.Users, err = access.OpenUsers(usersFile(f.State, f.Users), log); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w\nadd the first user with: rowcast user add NAME --state %s", err, f.State)
		}
		return err
	}
	if c.Browsers, err = access.OpenBrowsers(f.State, log); err != nil {
		return err
	}
	c.Sessions, err = access.OpenSessions(f.State, f.session(), log)
	return err
}

// provider reads what a provider needs; public is the address that people use.
func (f *accessFlags) provider(c *access.Config, log *slog.Logger, public string) (err error) {
	if f.State == "" || f.Issuer == "" || f.ClientID == "" || f.ClientSecret == "" || public == "" {
		return errors.New("--auth=oidc needs --oidc-issuer, --oidc-client, --oidc-secret, --public-url and --state")
	}
	secret, err := os.ReadFile(f.ClientSecret)
	if err != nil {
		return fmt.Errorf("read the client's secret: %w", err)
	}
	c.OIDC, err = access.NewOIDC(access.OIDCConfig{
		Issuer: f.Issuer, ClientID: f.ClientID, Secret: strings.TrimSpace(string(secret)), Groups: f.GroupsClaim, Scopes: f.Scopes,
		Redirect: strings.TrimRight(public, "/") + "/sign-in/callback",
	})
	if err != nil {
		return err
	}
	c.Sessions, err = access.OpenSessions(f.State, f.session(), log)
	return err
}

// usersFile is the file of a folder, unless it is named.
func usersFile(state, users string) string {
	if users == "" && state != "" {
		return filepath.Join(state, "users")
	}
	return users
}
