package web

import (
	"encoding/binary"
	"time"

	"github.com/rowcast/rowcast/delta"
)

// A client whose messages keep their pace sends no more frames and bytes than these:
// each message may come in a few pieces, and pings and pongs beside it. What takes no
// message to an end, such as pieces with nothing in them, or packed text that unpacks to
// nothing, is bounded by them alone.
const (
	mostPieces = 8                     // frames for each message
	mostBytes  = delta.MaxWatch + 1024 // for each message, with what is around it
)

// intake counts the frames and bytes that come from a client. The zero value is at the
// beginning of a frame.
type intake struct {
	frames, bytes bucket
	head          [14]byte // of the frame, as far as it came
	have          int
	rest          uint64 // of its payload
}

// take counts what came, and reports whether that is no more than a client may send.
func (in *intake) take(p []byte, now time.Time) bool {
	n, frames := len(p), 0
	for len(p) > 0 {
		if in.rest > 0 {
			skipped := min(in.rest, uint64(len(p)))
			in.rest, p = in.rest-skipped, p[skipped:]
			continue
		}
		in.head[in.have] = p[0]
		in.have, p = in.have+1, p[1:]
		if in.have == in.headed() {
			in.rest, in.have = in.payload(), 0
			frames++
		}
	}
	few := in.frames.spend(float64(frames)/mostPieces, now)
	return in.bytes.spend(float64(n)/mostBytes, now) && few
}

// between reports whether all frames came to their end.
func (in *intake) between() bool { return in.have == 0 && in.rest == 0 }

// headed is how long the head is, as far as that is known (RFC 6455, 5.2).
func (in *intake) headed() int {
	if in.have < 2 {
		return 2
	}
	n := 2
	switch in.head[1] & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if in.head[1]&0x80 != 0 {
		n += 4
	}
	return n
}

// payload is how long the payload is that the head announces.
func (in *intake) payload() uint64 {
	switch n := in.head[1] & 0x7f; n {
	case 126:
		return uint64(binary.BigEndian.Uint16(in.head[2:]))
	case 127:
		return binary.BigEndian.Uint64(in.head[2:])
	default:
		return uint64(n)
	}
}
