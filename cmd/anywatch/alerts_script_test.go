package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// receiveCmd is a receiver of webhooks until the script ends: it writes each request as a line to a file, and answers with a status.
func receiveCmd(ts *testscript.TestScript, neg bool, args []string) {
	needs(ts, neg, args, 3, "receive NAME FILE STATUS")
	status, err := strconv.Atoi(args[2])
	ts.Check(err)
	out, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		mu.Lock()
		fmt.Fprintf(out, "%s %s signed=%t %s\n", r.Method, r.URL.Path, r.Header.Get("X-Anywatch-Signature") != "", strings.TrimSpace(string(body)))
		mu.Unlock()
		w.WriteHeader(status)
	}))
	ts.Defer(func() { server.Close(); out.Close() })
	ts.Setenv(args[0], server.URL)
}
