package web

import "time"

// pingFrame is a ping without words.
const pingFrame = "\x89\x00"

// pinging is how it stands with a socket's next ping. One that goes out with a
// frame costs a tenth of one that goes alone.
type pinging uint8

const (
	pingLater    pinging = iota
	pingWithNext         // frame, or alone if none comes
	pingWent             // with a frame, before it was due
)

// look is called by the wheel: it asks whether the client is there, cuts the
// connection where no answer came, and breaks a silence. It returns when it
// wants to be called again; 0: no more.
func (c *socket) look(now time.Time) time.Duration {
	config := &c.server.config
	if !now.Before(c.due) {
		switch {
		case c.waiting && c.asked.Load() && c.late(): // the ping waits behind what is taken in
			c.due = now.Add(config.Pong)
		case c.waiting && c.asked.Load():
			c.cut()
			return 0
		case c.waiting:
			c.waiting, c.due = false, now.Add(config.Ping)
		default:
			c.waiting, c.due = true, now.Add(config.Pong)
			c.mark()
			if !c.pinged() {
				c.asked.Store(true)
				if c.wire.ping() != nil {
					c.cut()
					return 0
				}
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return 0
	}
	next := slack // a page may be watched any time now
	if c.now != nil {
		next = c.hush(now)
	}
	left := c.due.Sub(now)
	if !c.waiting && c.ping == pingLater {
		// For so long before it is due that a status comes by.
		if early := left - (config.Next + slack); early > 0 {
			left = early
		} else {
			c.ping = pingWithNext
		}
	}
	return max(min(next, left), time.Millisecond)
}

// mark notes how far the client is when a ping goes out. Where no more than a piece
// was sent since that was known, the system is not asked, which at rest was a twelfth
// of the CPU: so little before the ping gives no reason for a late answer.
func (c *socket) mark() {
	if c.wire.sentSince(c.had) < piece {
		c.queued = false
		return
	}
	c.had, c.queued = c.wire.taken(), c.wire.queued()
}

// late reports whether the client takes in what was sent before the ping, or did a
// moment ago.
func (c *socket) late() bool {
	was, had := c.queued, c.had
	c.had, c.queued = c.wire.taken(), c.wire.queued()
	return c.had >= had+piece && (c.queued || was)
}

// pinged reports whether a frame took the ping along that is due now; none does
// from now on.
func (c *socket) pinged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	went := c.ping == pingWent
	c.ping = pingLater
	return went
}

// along adds the ping that is due soon to what goes out, where that is small
// enough to be copied. The mutex is held.
func (c *socket) along(parts [][]byte) [][]byte {
	if c.ping != pingWithNext || len(parts) != 1 || len(parts[0]) > copied {
		return parts
	}
	c.ping = pingWent
	c.asked.Store(true)
	return [][]byte{append(append(make([]byte, 0, len(parts[0])+len(pingFrame)), parts[0]...), pingFrame...)}
}
