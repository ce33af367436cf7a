package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"

	"github.com/rowcast/rowcast/web"
)

// edge is where the server is reached: taken before anything else is done, so
// that nothing is built that nobody could visit.
type edge struct {
	net.Listener
	cert     *certificate // nil: plain HTTP
	profiles *profiles    // nil: none
}

// openEdge takes the addresses that the flags name.
func (f *serveFlags) openEdge(log *slog.Logger) (*edge, error) {
	if err := errors.Join(f.guardAddress(), web.CheckOrigins(f.Origins), web.CheckOrigins(f.Embed)); err != nil {
		return nil, err
	}
	cert, err := openCertificate(f.TLSCert, f.TLSKey, log)
	if err != nil {
		return nil, err
	}
	profiles, err := openProfiles(f.Pprof, log)
	if err != nil {
		return nil, err
	}
	ln, err := listen(f.Listen)
	if err != nil {
		profiles.close()
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w; stop what listens there, or take another address: --listen", err)
		}
		return nil, fmt.Errorf("listen: %w", err)
	}
	return &edge{ln, cert, profiles}, nil
}

// Close gives the addresses back.
func (e *edge) Close() error {
	e.profiles.close()
	return e.Listener.Close()
}

// serve answers the requests that come by ln until the server is closed.
func (e *edge) serve(server *http.Server, ln net.Listener) error {
	var err error
	if e.cert != nil {
		server.TLSConfig = e.cert.config()
		err = server.ServeTLS(ln, "", "")
	} else {
		err = server.Serve(ln)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve pages: %w", err)
	}
	return nil
}

// parts are what runs beside the server.
func (e *edge) parts() (all []func(context.Context) error) {
	if e.cert != nil {
		all = append(all, e.cert.Run)
	}
	if e.profiles != nil {
		all = append(all, e.profiles.Run)
	}
	return all
}

// scheme is that of the server's own URLs.
func (e *edge) scheme() string {
	if e.cert != nil {
		return "https"
	}
	return "http"
}
