package web

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// However the frames of a client come in pieces, each is counted once, and its payload
// is none.
func TestIntakeCountsFrames(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	now := time.Now()
	for range 200 {
		var in intake
		in.take(nil, now) // both are full
		var stream []byte
		frames := 0
		for range 1 + random.IntN(20) {
			n := []int{0, 1, 125, 126, 1000, 65535, 65536}[random.IntN(7)]
			if len(stream)+n > 25*mostBytes {
				continue
			}
			mask := byte(random.IntN(2)) << 7
			head := []byte{0x80 | byte(random.IntN(16))}
			switch {
			case n < 126:
				head = append(head, mask|byte(n))
			case n < 65536:
				head = binary.BigEndian.AppendUint16(append(head, mask|126), uint16(n))
			default:
				head = binary.BigEndian.AppendUint64(append(head, mask|127), uint64(n))
			}
			payload := make([]byte, int(mask>>5)+n) // with the mask of four bytes
			for i := range payload {
				payload[i] = byte(random.Uint32())
			}
			stream, frames = append(append(stream, head...), payload...), frames+1
		}
		total := len(stream)
		for len(stream) > 0 {
			n := min(len(stream), 1+random.IntN(300))
			if !in.take(stream[:n], now) {
				t.Fatal("too much")
			}
			stream = stream[n:]
		}
		if in.have != 0 || in.rest != 0 {
			t.Fatalf("%d bytes of a head, and %d of a payload, after %d whole frames", in.have, in.rest, frames)
		}
		if got := burst - float64(frames)/mostPieces; in.frames.tokens != got {
			t.Fatalf("%v is left of the frames, want %v", in.frames.tokens, got)
		}
		if off := in.bytes.tokens - (burst - float64(total)/mostBytes); off > 1e-6 || off < -1e-6 {
			t.Fatalf("%v is left of the bytes, off by %v", in.bytes.tokens, off)
		}
	}
}

// A client that sends as many messages and pings as it may, all of them of the largest
// kind, is never in the way of these.
func TestIntakeAllowsWhatMayBeSaid(t *testing.T) {
	var in intake
	now := time.Now()
	message, ping := frameOf(mostBytes-1024), frameOf(125)
	send := func(n int) {
		for range n {
			for _, f := range [][]byte{message, ping} {
				if !in.take(f, now) {
					t.Fatal("what may be sent is too much")
				}
			}
		}
	}
	send(burst)
	for range 100 {
		now = now.Add(time.Second / rate)
		send(1)
	}
	for range burst + 1 {
		if !in.take(message, now) {
			return
		}
	}
	t.Error("there is no bound")
}

// frameOf is a masked frame with so long a payload of zeros.
func frameOf(n int) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(n)), make([]byte, 4+n)...)
}
