package part

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/coder/websocket"

	"anywatch/bench/internal/fulltable"
	"anywatch/bench/internal/wire"
)

// What is sent over and over again, and how much of it at once: about a quarter of a megabyte.
const (
	distinctMessages = 20_000
	// BatchMessages divides the number of messages that the RIS Live server sends.
	BatchMessages = 800
)

// risLive is a server like RIS Live. It serves one client; at the word it sends as many messages as it was asked for, in batches, as fast as they
// are taken, with the hijacks among them, the last one as the last message. Then it says how many it sent, and sends a message of no
// meaning now and then, because a client may count what came only with the next message.
func risLive(ctx context.Context, t *talk, a *arguments) error {
	address, ipv4, ipv6, count, hijacks := a.text(), a.number(), a.number(), a.number(), a.number()
	if a.err != nil {
		return nil
	}
	batches := risBatches(fulltable.New(ipv4, ipv6), time.Now())
	l, err := listen(ctx, t, address)
	if err != nil {
		return err
	}
	conn, err := accept(ctx, l)
	if err != nil {
		return err
	}
	if err := errors.Join(wire.AcceptWebsocket(conn), t.waitGo(ctx)); err != nil {
		return err
	}
	rounds, hidden := max(1, count/BatchMessages), 0
	for i := range rounds {
		if _, err := conn.Write(batches[i%len(batches)]); err != nil {
			return err
		}
		for ; hidden < (i+1)*hijacks/rounds; hidden++ {
			if _, err := conn.Write(wire.AppendFrame(nil, fulltable.RISHijack(hidden, time.Now()))); err != nil {
				return err
			}
		}
	}
	if err := t.say("done", rounds*BatchMessages+hidden, hidden); err != nil {
		return err
	}
	return trickle(ctx, conn)
}

// risBatches gives messages in websocket frames, many in each piece.
func risBatches(table *fulltable.Table, at time.Time) (out [][]byte) {
	var b []byte
	for i, m := range table.RISLive(distinctMessages, at) {
		b = wire.AppendFrame(b, m)
		if (i+1)%BatchMessages == 0 {
			out = append(out, bytes.Clone(b))
			b = b[:0]
		}
	}
	return out
}

func trickle(ctx context.Context, conn net.Conn) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := conn.Write(wire.AppendFrame(nil, []byte(`{"type":"pong","data":null}`))); err != nil {
				return nil // the client has gone
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// frames is a client that reads so many websocket messages with the library that anywatch uses, looks at none of them, and says when it has
// read the last.
func frames(ctx context.Context, t *talk, a *arguments) error {
	address, count := a.text(), a.number()
	if a.err != nil {
		return nil
	}
	conn, _, err := websocket.Dial(ctx, "ws://"+address, nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	if err := t.say("ready"); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for range count {
		_, r, err := conn.Reader(context.Background()) // as anywatch: watching a context costs more than a message
		if err != nil {
			return err
		}
		for err == nil {
			_, err = r.Read(buf)
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
	}
	return t.say("done")
}
