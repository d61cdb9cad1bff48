package slack_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	botToken  = "xoxb-s3cret-token"
	channelID = "C0123456789"
)

// workspace behaves like Slack: the methods chat.postMessage and chat.update under /api/, and an incoming webhook. It takes only what Slack
// documents that it takes.
type workspace struct {
	*httptest.Server
	t *testing.T

	messages []*message
	calls    []string                          // the methods, in order
	refuse   func(w http.ResponseWriter) bool  // answers in place of Slack
	refuseIf func(method string, n int) string // an error code for the n-th call, counted from 1
}

// message is what stands in the channel.
type message struct {
	ts, thread, text string
	broadcast        bool
	attachments      []json.RawMessage
}

// color gives the colour of the bar beside the message.
func (m *message) color() string {
	var a struct{ Color string }
	if len(m.attachments) == 1 {
		_ = json.Unmarshal(m.attachments[0], &a)
	}
	return a.Color
}

// all gives every text of the message in one, as it was sent.
func (m *message) all() string {
	text := m.text
	for _, a := range m.attachments {
		var decoded any
		_ = json.Unmarshal(a, &decoded)
		text += "\n" + texts(decoded)
	}
	return text
}

func texts(v any) (all string) {
	switch v := v.(type) {
	case map[string]any:
		if text, ok := v["text"].(string); ok {
			all += text + "\n"
		}
		for _, key := range []string{"blocks", "text", "fields", "elements"} {
			all += texts(v[key])
		}
	case []any:
		for _, e := range v {
			all += texts(e)
		}
	}
	return all
}

func open(t *testing.T) *workspace {
	w := &workspace{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/chat.postMessage", w.method("chat.postMessage", w.post))
	mux.HandleFunc("POST /api/chat.update", w.method("chat.update", w.update))
	mux.HandleFunc("POST /services/T000/B000/s3cret", w.webhook)
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	return w
}

// method wraps a method of the API: form in, JSON out, status 200 also for errors.
func (w *workspace) method(name string, do func(f url.Values) (ts, code string)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		w.calls = append(w.calls, name)
		if w.refuse != nil && w.refuse(rw) {
			return
		}
		if err := r.ParseForm(); err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			w.t.Errorf("%s: the request is no form: %v", name, err)
		}
		code := ""
		if w.refuseIf != nil {
			code = w.refuseIf(name, len(w.calls))
		}
		ts := ""
		switch {
		case code != "":
		case r.PostForm.Get("token") != botToken:
			code = "invalid_auth"
		case r.PostForm.Get("channel") != channelID && (name == "chat.update" || r.PostForm.Get("channel") != "#noc"):
			code = "channel_not_found"
		default:
			ts, code = do(r.PostForm)
		}
		answer := map[string]any{"ok": true, "channel": channelID, "ts": ts}
		if code != "" {
			answer = map[string]any{"ok": false, "error": code}
		}
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(answer)
	}
}

func (w *workspace) post(f url.Values) (ts, code string) {
	w.known(f, "token", "channel", "text", "attachments", "parse", "thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media")
	m, code := w.read(f.Get("text"), []byte(f.Get("attachments")))
	if code != "" {
		return "", code
	}
	if m.thread = f.Get("thread_ts"); m.thread != "" && w.find(m.thread) == nil {
		return "", "thread_not_found"
	}
	m.broadcast = f.Get("reply_broadcast") == "true"
	if m.broadcast && m.thread == "" {
		w.t.Error("reply_broadcast without thread_ts")
	}
	return w.append(m), ""
}

func (w *workspace) update(f url.Values) (ts, code string) {
	w.known(f, "token", "channel", "ts", "text", "attachments", "parse")
	m := w.find(f.Get("ts"))
	if m == nil {
		return "", "message_not_found"
	}
	changed, code := w.read(f.Get("text"), []byte(f.Get("attachments")))
	if code != "" {
		return "", code
	}
	m.text, m.attachments = changed.text, changed.attachments
	return m.ts, ""
}

// known complains of arguments that the method does not have.
func (w *workspace) known(f url.Values, names ...string) {
	for name, values := range f {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+name+" ") || len(values) != 1 {
			w.t.Errorf("the method takes no %s=%q", name, values)
		}
	}
}

func (w *workspace) webhook(rw http.ResponseWriter, r *http.Request) {
	w.calls = append(w.calls, "webhook")
	if w.refuse != nil && w.refuse(rw) {
		return
	}
	var body struct {
		Text            string            `json:"text"`
		Attachments     []json.RawMessage `json:"attachments"`
		Parse           string            `json:"parse"`
		ReplaceOriginal bool              `json:"replace_original"`
		DeleteOriginal  bool              `json:"delete_original"`
		UnfurlLinks     *bool             `json:"unfurl_links"`
		UnfurlMedia     *bool             `json:"unfurl_media"`
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil || r.Header.Get("Content-Type") != "application/json" {
		http.Error(rw, "invalid_payload", http.StatusBadRequest)
		w.t.Errorf("the webhook got what it can't read: %v", err)
		return
	}
	attachments, _ := json.Marshal(body.Attachments)
	m, code := w.read(body.Text, attachments)
	if code != "" {
		http.Error(rw, code, http.StatusBadRequest)
		return
	}
	w.append(m)
	_, _ = io.WriteString(rw, "ok")
}

func (w *workspace) find(ts string) *message {
	for _, m := range w.messages {
		if m.ts == ts {
			return m
		}
	}
	return nil
}

func (w *workspace) append(m *message) string {
	m.ts = fmt.Sprintf("1719514269.%06d", len(w.messages)+1)
	w.messages = append(w.messages, m)
	return m.ts
}

// stray finds control characters of mrkdwn that are not escaped.
var stray = regexp.MustCompile(`<|>|&(?:[^alg]|a[^m]|l[^t]|g[^t]|$)`)

// read checks text and attachments by the rules of Block Kit.
func (w *workspace) read(text string, raw []byte) (*message, string) {
	m := &message{text: text}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &m.attachments); err != nil {
			return nil, "invalid_attachments"
		}
	}
	total := utf8.RuneCountInString(text)
	if total == 0 {
		return nil, "no_text"
	}
	if total > 4000 || stray.MatchString(text) {
		w.t.Errorf("the text is too long or not escaped: %q", text)
	}
	for _, a := range m.attachments {
		var attached struct {
			Color    string            `json:"color"`
			Fallback string            `json:"fallback"`
			Blocks   []json.RawMessage `json:"blocks"`
		}
		if err := strict(a, &attached); err != nil || len(attached.Blocks) > 50 || attached.Color == "" || attached.Fallback == "" {
			w.t.Errorf("an attachment is wrong: %v: %s", err, a)
			return nil, "invalid_attachments"
		}
		for _, b := range attached.Blocks {
			n, err := checkBlock(b)
			if err != nil {
				w.t.Errorf("a block is wrong: %v: %s", err, b)
				return nil, "invalid_blocks"
			}
			total += n
		}
	}
	if total > 13000 {
		return nil, "msg_blocks_too_long"
	}
	return m, ""
}

// textObject is a composition object of Block Kit.
type textObject struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"`
}

func (o *textObject) check(limit int) (int, error) {
	n := utf8.RuneCountInString(o.Text)
	switch {
	case o.Type != "mrkdwn":
		return 0, fmt.Errorf("a text of type %q", o.Type)
	case n == 0 || n > limit:
		return 0, fmt.Errorf("a text of %d characters; 1 to %d may be", n, limit)
	case stray.MatchString(o.Text):
		return 0, fmt.Errorf("a text that is not escaped: %q", o.Text)
	}
	return n, nil
}

// checkBlock checks a section or context block, and gives the length of its texts.
func checkBlock(raw []byte) (total int, err error) {
	var b struct {
		Type     string       `json:"type"`
		Text     *textObject  `json:"text"`
		Fields   []textObject `json:"fields"`
		Elements []textObject `json:"elements"`
	}
	if err := strict(raw, &b); err != nil {
		return 0, err
	}
	add := func(o *textObject, limit int) {
		n, e := o.check(limit)
		total += n
		if e != nil {
			err = e
		}
	}
	switch {
	case b.Type == "section" && (b.Text != nil || len(b.Fields) > 0) && len(b.Fields) <= 10 && b.Elements == nil:
		if b.Text != nil {
			add(b.Text, 3000)
		}
		for n := range b.Fields {
			add(&b.Fields[n], 2000)
		}
	case b.Type == "context" && b.Text == nil && b.Fields == nil && len(b.Elements) > 0 && len(b.Elements) <= 10:
		for n := range b.Elements {
			add(&b.Elements[n], 3000)
		}
	default:
		return 0, fmt.Errorf("a block of type %q with what it may not have", b.Type)
	}
	return total, err
}

func strict(raw []byte, into any) error {
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// limit answers as Slack does when too much comes.
func limit(seconds int) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"ok":false,"error":"ratelimited"}`)
		return true
	}
}

// status answers with a status alone.
func status(code int) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		w.WriteHeader(code)
		return true
	}
}
