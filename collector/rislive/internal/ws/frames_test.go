package ws

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// frame is an unmasked frame, as a server sends it.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

const fin = 0x80

func text(s string) []byte { return frame(fin|1, s) }

// taken reads all of a stream, so many octets at a time, and writes what came out: the kind, the size, and the beginning of each payload.
func taken(limit, size, chunk int, stream []byte) (out []string, err error) {
	f := newFrames(limit, size)
	for {
		op, payload, err := f.next()
		if err != nil {
			return out, err
		}
		if op != opNone {
			out = append(out, fmt.Sprintf("%d:%d:%.20s", op, len(payload), payload))
			continue
		}
		if len(stream) == 0 {
			return out, nil
		}
		n := copy(f.room(), stream[:min(chunk, len(stream))])
		f.filled(n)
		stream = stream[n:]
	}
}

const limit = 1 << 17

var chunks = []int{1, 2, 3, 7, 1000, 1 << 30}

// TestFrames: what comes out of good frames, however the network divides them.
func TestFrames(t *testing.T) {
	long, longer, longest := strings.Repeat("a", 126), strings.Repeat("b", 1<<16), strings.Repeat("c", limit)
	for _, c := range []struct {
		name   string
		stream []byte
		want   []string
	}{
		{"a text", text("hello"), []string{"1:5:hello"}},
		{"a binary message", frame(fin|2, "hello"), []string{"2:5:hello"}},
		{"an empty text", text(""), []string{"1:0:"}},
		{"lengths of 7, 16 and 64 bits", slices.Concat(text(long[:125]), text(long), text(longer[:1<<16-1]), text(longer)),
			[]string{"1:125:" + long[:20], "1:126:" + long[:20], "1:65535:" + longer[:20], "1:65536:" + longer[:20]}},
		{"as long as may be", slices.Concat(text(longest), text("x")), []string{"1:131072:" + longest[:20], "1:1:x"}},
		{"two in one read", slices.Concat(text("a"), text("bc")), []string{"1:1:a", "1:2:bc"}},
		{"fragments", slices.Concat(frame(1, "he"), frame(0, ""), frame(0, "ll"), frame(fin, "o"), text("x")), []string{"1:5:hello", "1:1:x"}},
		{"fragments of a binary message", slices.Concat(frame(2, "he"), frame(fin, "")), []string{"2:2:he"}},
		{"control frames between fragments", slices.Concat(frame(1, "he"), frame(fin|9, "are you there"), frame(0, "ll"), frame(fin|10, ""), frame(fin, "o")),
			[]string{"9:13:are you there", "10:0:", "1:5:hello"}},
		{"a control frame of 125 octets", frame(fin|9, long[:125]), []string{"9:125:" + long[:20]}},
		{"a close frame", frame(fin|8, "\x03\xE8bye"), []string{"8:5:\x03\xE8bye"}},
		{"fragments up to the limit", slices.Concat(frame(1, longest[:limit/2]), frame(fin, longest[:limit/2])), []string{"1:131072:" + longest[:20]}},
		{"half a frame", text("hello")[:4], nil},
		{"half a header", frame(fin|1, longer)[:5], nil},
	} {
		for _, chunk := range chunks {
			if got, err := taken(limit, 4096, chunk, c.stream); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s, %d octets at a time: %q, %v; want %q", c.name, chunk, got, err, c.want)
			}
		}
	}
}

// TestBadFrames: each is refused as soon as it can be, with the code that RFC 6455 gives it and words that say what is wrong; what came before it
// is taken.
func TestBadFrames(t *testing.T) {
	header := func(b ...byte) []byte { return b }
	for _, c := range []struct {
		name   string
		stream []byte
		code   uint16
		says   string
	}{
		{"RSV1", header(fin|0x40|1, 0), Protocol, "reserved bits"},
		{"RSV2", header(fin|0x20|1, 0), Protocol, "reserved bits"},
		{"RSV3", header(fin|0x10|1, 0), Protocol, "reserved bits"},
		{"RSV1 on a ping", header(fin|0x40|9, 0), Protocol, "reserved bits"},
		{"unknown data, 3", header(fin|3, 0), Protocol, "unknown kind 3"},
		{"unknown data, 7", header(fin|7, 0), Protocol, "unknown kind 7"},
		{"unknown control, 11", header(fin|11, 0), Protocol, "unknown kind 11"},
		{"unknown control, 15", header(fin|15, 0), Protocol, "unknown kind 15"},
		{"masked", header(fin|1, 0x80|5), Protocol, "masked"},
		{"a masked ping", header(fin|9, 0x80), Protocol, "masked"},
		{"half a ping", header(9, 0), Protocol, "in fragments"},
		{"half a close frame", header(8, 0), Protocol, "in fragments"},
		{"a ping of 126 octets", header(fin|9, 126), Protocol, "more than 125"},
		{"a close frame of very many", header(fin|8, 127), Protocol, "more than 125"},
		{"a continuation of nothing", header(fin, 1), Protocol, "never began"},
		{"a continuation after the end", slices.Concat(frame(1, "a"), frame(fin, "b"), header(fin, 1)), Protocol, "never began"},
		{"a message within a message", slices.Concat(frame(1, "a"), header(fin|1, 1)), Protocol, "before the end"},
		{"a binary message within a text", slices.Concat(frame(1, "a"), header(2, 1)), Protocol, "before the end"},
		{"125 in 16 bits", header(fin|1, 126, 0, 125), Protocol, "a length of 125 in 2 octets"},
		{"65535 in 64 bits", header(fin|1, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF), Protocol, "a length of 65535 in 8 octets"},
		{"a negative length", header(fin|1, 127, 0x80, 0, 0, 0, 0, 1, 0, 0), Protocol, "in 8 octets"},
		{"one octet too many", header(fin|1, 127, 0, 0, 0, 0, 0, 2, 0, 1), TooBig, "131073 octets"},
		{"as many as a length can say", header(fin|1, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF), TooBig, "the longest that is taken has 131072"},
		{"fragments that are too long together", slices.Concat(frame(1, strings.Repeat("c", limit)), header(fin, 1)), TooBig, "131073 octets"},
	} {
		stream := slices.Concat(text("before"), c.stream)
		for _, chunk := range chunks {
			got, err := taken(limit, 4096, chunk, stream)
			var bad *Violation
			if !errors.As(err, &bad) || bad.Code != c.code || !strings.Contains(bad.Text, c.says) {
				t.Errorf("%s, %d octets at a time: %v; want %d, %q", c.name, chunk, err, c.code, c.says)
			}
			if len(got) == 0 || got[0] != "1:6:before" {
				t.Errorf("%s, %d octets at a time: came %q before it", c.name, chunk, got)
			}
		}
	}
}

// TestClosing: what a close frame may say.
func TestClosing(t *testing.T) {
	for _, c := range []struct{ payload, says string }{
		{"", "1005 (no status)"},
		{"\x03\xE8", "1000 (normal)"},
		{"\x03\xE9the end", `1001 (going away): "the end"`},
		{"\x03\xF6", "1014 (bad gateway)"},
		{"\x0B\xB8", "closed the connection: 3000"},
		{"\x13\x87", "closed the connection: 4999"},
		{"\x03", "half a status code"},
		{"\x00\x00", "status code 0"},
		{"\x03\xE7", "status code 999"},
		{"\x03\xEC", "status code 1004"},
		{"\x03\xED", "status code 1005"},
		{"\x03\xEE", "status code 1006"},
		{"\x03\xF7", "status code 1015"},
		{"\x0B\xB7", "status code 2999"},
		{"\x13\x88", "status code 5000"},
		{"\xFF\xFF", "status code 65535"},
		{"\x03\xE8\xFF", "no UTF-8"},
	} {
		why, err := closing([]byte(c.payload))
		if err == nil {
			err = why
		}
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v; want %q", c.payload, err, c.says)
		}
	}
}

// TestMemory: a header that promises much gets no memory before the octets come, and a long message leaves none behind.
func TestMemory(t *testing.T) {
	f := newFrames(1<<40, 4096)
	put := func(b []byte) {
		for len(b) > 0 {
			if _, _, err := f.next(); err != nil {
				t.Fatal(err)
			}
			n := copy(f.room(), b)
			f.filled(n)
			b = b[n:]
		}
	}
	put([]byte{fin | 2, 127, 0, 0, 0, 0x10, 0, 0, 0, 0}) // 64 GiB
	put(make([]byte, 1000))
	if n := len(f.buf); n != 4096 {
		t.Errorf("%d octets of memory after a promise", n)
	}
	f = newFrames(limit, 4096)
	put(text(strings.Repeat("a", limit)))
	if n := len(f.buf); n < limit || n > 4*limit {
		t.Errorf("%d octets of memory with a long message", n)
	}
	for _, want := range []opcode{opText, opNone} {
		if op, _, err := f.next(); op != want || err != nil {
			t.Errorf("%d, %v", op, err)
		}
	}
	f.room()
	if n := len(f.buf); n != 4096 {
		t.Errorf("%d octets of memory after a long message", n)
	}
}

// TestNoCopy: messages are handed out where they lie, without allocating.
func TestNoCopy(t *testing.T) {
	f := newFrames(limit, 4096)
	stream := bytes.Repeat(text("hello"), 100)
	if n := testing.AllocsPerRun(10, func() {
		room := f.room()
		f.filled(copy(room, stream))
		for i := range 100 {
			if op, payload, err := f.next(); op != opText || err != nil || &payload[0] != &room[7*i+2] {
				t.Fatal(op, payload, err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// obvious takes a whole stream the way that RFC 6455 section 5.2 draws a frame, one field after the other.
func obvious(limit int, b []byte) (out []string, code uint16) {
	message, inside := []byte(nil), byte(0)
	for len(b) >= 2 {
		final, rsv, op, mask, n := b[0]>>7, b[0]>>4&7, b[0]&15, b[1]>>7, uint64(b[1]&127)
		known := op <= 2 || op >= 8 && op <= 10
		if rsv != 0 || mask != 0 || !known || op >= 8 && (final == 0 || n > 125) || op == 0 && inside == 0 || (op == 1 || op == 2) && inside != 0 {
			return out, Protocol
		}
		bytesOfLength := map[uint64]int{126: 2, 127: 8}[n]
		b = b[2:]
		if len(b) < bytesOfLength {
			return out, 0
		}
		if bytesOfLength > 0 {
			n = 0
			for _, c := range b[:bytesOfLength] {
				n = n<<8 | uint64(c)
			}
			if bytesOfLength == 2 && n <= 125 || bytesOfLength == 8 && (n <= 65535 || n>>63 == 1) {
				return out, Protocol
			}
			b = b[bytesOfLength:]
		}
		if op < 8 && uint64(len(message))+n > uint64(limit) {
			return out, TooBig
		}
		if uint64(len(b)) < n {
			return out, 0
		}
		payload := b[:n]
		b = b[n:]
		if op >= 8 {
			out = append(out, fmt.Sprintf("%d:%d:%.20s", op, len(payload), payload))
			continue
		}
		if op != 0 {
			inside = op
		}
		if message = append(message, payload...); final == 1 {
			out = append(out, fmt.Sprintf("%d:%d:%.20s", inside, len(message), message))
			message, inside = nil, 0
		}
	}
	return out, 0
}

// FuzzFrames: whatever comes, and however it is divided, it is read as the obvious way reads it.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x01\x02he\x89\x01x\x00\x01l\x80\x02lo\x88\x02\x03\xE8"), byte(1))
	f.Add(slices.Concat(text(strings.Repeat("a", 126)), frame(fin|2, strings.Repeat("b", 300))), byte(100))
	f.Add(frame(fin|1, strings.Repeat("c", 1<<16))[:2000], byte(255))
	f.Add([]byte("\x81\x7E\x00\x05hello"), byte(3))
	f.Add([]byte("\xC1\x85"), byte(2))
	f.Fuzz(func(t *testing.T, stream []byte, chunk byte) {
		got, err := taken(1000, 16, int(chunk)+1, stream)
		want, code := obvious(1000, stream)
		var bad *Violation
		if errors.As(err, &bad); !slices.Equal(got, want) || (err != nil) != (code != 0) || bad != nil && bad.Code != code {
			t.Errorf("got %q, %v; want %q, %d", got, err, want, code)
		}
	})
}
