package web

import (
	"bytes"
	"encoding/binary"

	"github.com/klauspost/compress/flate"
)

// Opcodes and flags of RFC 6455, and the one of RFC 7692.
const (
	opContinuation = 0x0
	opText         = 0x1
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
	deflated       = 0x40
	final          = 0x80
	masked         = 0x80 // in the second byte, as a client sends it
)

// fragment bounds a frame. A longer message travels in several, so that a pong or
// a close need not wait for all of it, and each gets its own time.
const fragment = 64 << 10

// worthwhile is from how many bytes on compressing pays: below it costs more than
// the bytes that it saves.
const worthwhile = 512

// The forms of a message on its way to sockets: whole frames, ready to be written.
const (
	formPlain = iota
	formDeflated
)

// framed is a message as text.
func framed(data []byte) []byte { return inFrames(opText, data) }

// deflatedFrames is a message as text, compressed where that makes it shorter.
// Each message is compressed by itself, so that the bytes are the same for
// everybody, whatever else was sent to whom; RFC 7692 lets a sender do so. It is
// done without tables that are kept: they would have left the cache until the next
// frame comes, and cost more than the few percent that they save.
func deflatedFrames(data []byte) []byte {
	if len(data) < worthwhile {
		return framed(data)
	}
	var out bytes.Buffer
	out.Grow(len(data) / 4)
	_ = flate.StatelessDeflate(&out, data, false, nil) // a buffer takes everything
	// The empty block that it ends with is left out on the way.
	short := bytes.TrimSuffix(out.Bytes(), []byte("\x00\x00\xff\xff"))
	if len(short) >= len(data) {
		return framed(data)
	}
	return inFrames(opText|deflated, short)
}

// inFrames is a message in frames, one behind the other. op has the flags of the
// first one.
func inFrames(op byte, data []byte) []byte {
	count := 1 + len(data)/fragment
	b := make([]byte, 0, len(data)+count*10)
	for {
		n := min(len(data), fragment)
		if n == len(data) {
			op |= final
		}
		b = append(b, op)
		switch {
		case n < 126:
			b = append(b, byte(n))
		case n < 1<<16:
			b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
		default:
			b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
		}
		b = append(b, data[:n]...)
		if op&final != 0 {
			return b
		}
		op, data = opContinuation, data[n:]
	}
}

// frameSize is the length of the frame that b begins with, its head included. It
// is one of ours: whole, and without a mask.
func frameSize(b []byte) int {
	switch n := int(b[1]); n {
	case 126:
		return 4 + int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		return 10 + int(binary.BigEndian.Uint64(b[2:]))
	default:
		return 2 + n
	}
}

// frameEnd is the first end of a frame at or behind offset at in frames.
func frameEnd(frames []byte, at int) int {
	end := 0
	for end < at {
		end += frameSize(frames[end:])
	}
	return end
}
