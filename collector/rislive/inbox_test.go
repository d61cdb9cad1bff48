package rislive

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"testing"
)

// TestInbox: messages come out as they went in, in their order, and no more wait than there is room for.
func TestInbox(t *testing.T) {
	x := newInbox()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	const n = 1000
	filler := bytes.Repeat([]byte("x"), inboxSize/100)
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := x.put(ctx, append([]byte(strconv.Itoa(i)+":"), filler...)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	var got []string
	var b batch
	for len(got) < n {
		<-x.filled
		x.swap(&b)
		if len(b.b) > inboxSize+2*len(filler) {
			t.Fatalf("%d octets waited", len(b.b))
		}
		for m := range b.messages() {
			number, _, _ := bytes.Cut(m, []byte(":"))
			got = append(got, string(number))
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if want := slices.Collect(func(yield func(string) bool) {
		for i := range n {
			if !yield(strconv.Itoa(i)) {
				return
			}
		}
	}); !slices.Equal(got, want) {
		t.Errorf("out of order: %q…", got[:10])
	}
	for err := error(nil); err == nil; { // nobody takes: it fills, and then waits until the end
		if len(x.now.b) >= inboxSize {
			stop()
		}
		err = x.put(ctx, filler)
	}
}
